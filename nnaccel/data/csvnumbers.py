"""Which cells of a CSV file are numbers, and which were meant to be."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

#: A number whose decimals, if any, follow a comma.
_COMMA_DECIMAL = re.compile(r"[+-]?(\d+(,\d*)?|,\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)

#: Digits with a point among them, and perhaps commas.
_WITH_POINT = re.compile(r"[+-]?[\d,]*\.[\d,.]*", re.ASCII)

#: A number in which commas set off decimals, thousands, or both.
_WITH_COMMA = re.compile(r"[+-]?(\d*,\d+|\d{1,3}(,\d{3})+(\.\d*)?|\d{1,3}(\.\d{3})+,\d+)", re.ASCII)

#: A number whose one comma may set off decimals as well as thousands.
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)


def is_number(cell: str) -> bool:
    """Whether the cell parses as a number, NaN and infinity included."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def is_read(cell: str, decimal: str = ".") -> bool:
    """Whether the cell is a number, which 2020_1 is not, with that before its decimals."""
    if decimal == ",":
        return _COMMA_DECIMAL.fullmatch(cell) is not None
    return "_" not in cell and is_number(cell)


def value(cell: str) -> float:
    """`float` of what `is_read` with a point."""
    if "_" in cell:
        raise ValueError(cell)
    return float(cell)


def decimal_of(cells: Iterable[str]) -> str:
    """What sets off the decimals of a column: a comma if no number has a point."""
    commas = False
    for cell in cells:
        if _WITH_POINT.fullmatch(cell):
            return "."
        commas = commas or ("," in cell and is_read(cell, ","))
    return "," if commas else "."


def has_comma(cell: str) -> bool:
    """Whether the cell is a number in which commas set off decimals, thousands, or both."""
    return _WITH_COMMA.fullmatch(cell) is not None


def may_be_thousands(cell: str) -> bool:
    """Whether the comma of the cell may set off decimals as well as thousands."""
    return _EITHER.fullmatch(cell) is not None


def bare(cell: str) -> str:
    """The cell without currency and percent signs and without blanks."""
    return "".join(
        sign
        for sign in cell
        if not (sign.isspace() or sign in "%‰" or unicodedata.category(sign) == "Sc")
    )
