"""Summaries of fitted regressions, in the layout of R."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnaccel import _html

Floats = NDArray[np.float64]

_STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"), (0.1, "."))
_LEGEND = "Signif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1"


@dataclass(frozen=True)
class Coefficients:
    """A table of coefficients with their tests.

    Attributes
    ----------
    names : tuple of str
    estimate, std_error, statistic, p_value : ndarray, shape (len(names),)
        NaN where the rows do not determine a coefficient's error.
    letter : {'t', 'z'}
        Distribution of the statistic.
    title : str
        Title of the block, without a colon; empty for the only one.
    """

    names: tuple[str, ...]
    estimate: Floats
    std_error: Floats
    statistic: Floats
    p_value: Floats
    letter: str
    title: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers by coefficient; None for NaN."""
        columns = self.estimate, self.std_error, self.statistic, self.p_value
        keys = "estimate", "std_error", f"{self.letter}_value", "p_value"
        return {
            name: {key: plain(column[i]) for key, column in zip(keys, columns, strict=True)}
            for i, name in enumerate(self.names)
        }

    def cells(self) -> list[list[str]]:
        """Return the columns of the table, each with its name above; the last one is the stars."""
        return [
            ["", *self.names],
            ["Estimate", *_aligned(self.estimate, 6)],
            ["Std. Error", *_aligned(self.std_error, 4)],
            [f"{self.letter} value", *_aligned(self.statistic, 4, most=3)],
            [f"Pr(>|{self.letter}|)", *map(format_p, self.p_value)],
            ["", *map(_stars, self.p_value)],
        ]

    def lines(self) -> list[str]:
        """Return the table, a line for each coefficient."""
        *cells, stars = self.cells()
        widths = [max(map(len, column)) for column in cells]
        lines = []
        for mark, *row in zip(stars, *cells, strict=True):
            left = row[0].ljust(widths[0])
            right = [text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True)]
            lines.append(" ".join([left, *right, mark]).rstrip())
        return lines


@dataclass(frozen=True)
class Summary:
    """The summary of a regression; `str` of it is a table.

    Attributes
    ----------
    coefficients : tuple of Coefficients
        One block, or one for each response or class.
    facts : dict of str to number
        Statistics of the fit, such as R squared or log-likelihood, by name.
    head, foot : tuple of str
        Lines before and after the coefficients.
    """

    coefficients: tuple[Coefficients, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    head: tuple[str, ...] = ()
    foot: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers, as JSON values; None for NaN."""
        blocks = [block.as_dict() for block in self.coefficients]
        titles = [block.title for block in self.coefficients]
        facts = {name: plain(value) for name, value in self.facts.items()}
        if len(blocks) == 1 and not titles[0]:
            return {"coefficients": blocks[0], **facts}
        return {"coefficients": dict(zip(titles, blocks, strict=True)), **facts}

    def __str__(self) -> str:
        lines = list(self.head)
        for block in self.coefficients:
            lines += ["", f"{block.title or 'Coefficients'}:", *block.lines()]
        if self._has_stars():
            lines += ["---", _LEGEND]
        return "\n".join([*lines, "", *self.foot]).strip("\n")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Show the same in a notebook."""
        blocks = []
        for block in self.coefficients:
            head, *rows = zip(*block.cells(), strict=True)
            blocks.append(_html.table(head, rows, "lrrrrl", block.title or "Coefficients"))
        legend = [_LEGEND, ""] if self._has_stars() else []
        return "\n".join([_html.lines(self.head), *blocks, _html.lines([*legend, *self.foot])])

    def _has_stars(self) -> bool:
        return any(mark for block in self.coefficients for mark in map(_stars, block.p_value))


def against_zero(
    names: Sequence[str],
    estimate: Floats,
    std_error: Floats,
    degrees_of_freedom: float,
    title: str = "",
) -> Coefficients:
    """Table of coefficients, each tested against 0.

    Parameters
    ----------
    names : sequence of str
    estimate, std_error : ndarray
    degrees_of_freedom : float
        Degrees of freedom of Student's t; infinite for the normal distribution.
    title : str, default ''
    """
    from scipy import stats

    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = estimate / std_error
    normal = math.isinf(degrees_of_freedom)
    law = stats.norm if normal else stats.t(degrees_of_freedom)
    p_value = 2 * np.asarray(law.sf(np.abs(statistic)), np.float64)
    letter = "z" if normal else "t"
    return Coefficients(tuple(names), estimate, std_error, statistic, p_value, letter, title)


def format_p(p: float) -> str:
    """A p-value with three digits."""
    if math.isnan(p):
        return "NA"
    if p < 2e-16:
        return "<2e-16"
    return f"{p:.2e}" if p < 1e-4 else f"{p:.3g}" if p < 0.0995 else f"{p:.3f}"


def shown(value: float, form: str) -> str:
    """A number in a format; NA if it is not finite."""
    return format(value, form) if math.isfinite(value) else "NA"


def plain(value: Any) -> Any:
    """A number as a JSON value; None for NaN and infinity."""
    if isinstance(value, bool | str | int):
        return value
    return float(value) if math.isfinite(value) else None


def _aligned(values: Floats, digits: int, most: int = 6) -> list[str]:
    """Numbers with decimals for `digits` digits of the smallest one, at most `most`."""
    sizes = np.abs(values[np.isfinite(values)])
    sizes = sizes[sizes > 1e-12 * sizes.max(initial=0.0)]  # without rounding errors
    decimals = digits - 1 - math.floor(math.log10(sizes.min())) if sizes.size else digits - 1
    if decimals - digits + 2 > most or (sizes.size and sizes.max() >= 1e9):
        return [shown(value, f".{digits}g") for value in values]
    decimals = min(max(decimals, 0), most)
    return [shown(value, f".{decimals}f") for value in values]


def _stars(p: float) -> str:
    return next((mark for limit, mark in _STARS if p < limit), "")
