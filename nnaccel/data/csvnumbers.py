"""Which cells of a CSV file are numbers, and which were meant to be."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

#: A number whose decimals, if any, follow a comma.
_COMMA_DECIMAL = re.compile(r"[+-]?(\d+(,\d*)?|,\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)

#: Numbers with marks between thousands, by what sets off their decimals; 0.500 is none of them.
_GROUPED = {
    ".": re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?", re.ASCII),
    ",": re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d*)?", re.ASCII),
}

#: A number with commas, or with several points: some of them set off thousands.
_MARKED = re.compile(
    r"[+-]?(\d*,\d+|\d{1,3}(,\d{3})+(\.\d*)?|\d{1,3}(\.\d{3})+,\d+|\d{1,3}(\.\d{3}){2,})", re.ASCII
)

#: Digits with a point among them, and perhaps commas.
_WITH_POINT = re.compile(r"[+-]?[\d,]*\.[\d,.]*", re.ASCII)

#: A number whose one mark may set off decimals as well as thousands.
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)

#: What is written around numbers and between their digits, besides blanks and signs of currency.
_AROUND = "%‰()'\N{RIGHT SINGLE QUOTATION MARK}"


def value(cell: str) -> float:
    """`float`, but not of 2020_1."""
    if "_" in cell:
        raise ValueError(cell)
    return float(cell)


def comma_value(cell: str) -> float:
    """The number whose decimals, if any, follow a comma."""
    if _COMMA_DECIMAL.fullmatch(cell) is None:
        raise ValueError(cell)
    return float(cell.replace(",", "."))


def grouped_value(decimal: str) -> Callable[[str], float]:
    """Return a reader of numbers with this mark before decimals, the other in thousands."""
    plain = value if decimal == "." else comma_value
    other = "," if decimal == "." else "."

    def read(cell: str) -> float:
        if _GROUPED[decimal].fullmatch(cell) is not None:
            cell = cell.replace(other, "")
        return plain(cell)

    return read


def is_number(cell: str, read: Callable[[str], float] = value) -> bool:
    """Whether the cell parses as a number, NaN and infinity included."""
    try:
        read(cell)
    except ValueError:
        return False
    return True


def is_marked(cell: str) -> bool:
    """Whether the cell is a number with a comma in it, or with points between thousands."""
    return _MARKED.fullmatch(cell) is not None


def follows_comma(cells: Iterable[str]) -> bool:
    """Whether decimals follow a comma in some cells, and no number has a point."""
    commas = False
    for cell in cells:
        if _WITH_POINT.fullmatch(cell):
            return False
        commas = commas or ("," in cell and is_number(cell, comma_value))
    return commas


def may_be_thousands(cell: str) -> bool:
    """Whether the one comma or point of the cell may set off decimals as well as thousands."""
    return _EITHER.fullmatch(cell) is not None


def bare(cell: str) -> str:
    """The cell without parentheses, currency and percent signs, apostrophes and blanks."""
    return "".join(
        sign
        for sign in cell
        if not (sign.isspace() or sign in _AROUND or unicodedata.category(sign) == "Sc")
    )
