"""Summaries of fitted regressions, in the layout of R."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnaccel import _html
from nnaccel.estimators import _r_format
from nnaccel.estimators._intervals import Intervals, quantile

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
    degrees_of_freedom : float
        Of the distribution.
    """

    names: tuple[str, ...]
    estimate: Floats
    std_error: Floats
    statistic: Floats
    p_value: Floats
    letter: str
    title: str = ""
    degrees_of_freedom: float = math.inf

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
        estimates, errors = _r_format.coefficients(self.estimate, self.std_error)
        return [
            ["", *self.names],
            ["Estimate", *estimates],
            ["Std. Error", *errors],
            [f"{self.letter} value", *_r_format.statistics(self.statistic)],
            [f"Pr(>|{self.letter}|)", *_r_format.p_values(self.p_value)],
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
    notes : tuple of str
        Last lines: why something is missing, or how it was found.
    """

    coefficients: tuple[Coefficients, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    head: tuple[str, ...] = ()
    foot: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers, as JSON values; None for NaN."""
        blocks = [block.as_dict() for block in self.coefficients]
        titles = [block.title for block in self.coefficients]
        facts = {name: plain(value) for name, value in self.facts.items()}
        if len(blocks) == 1 and not titles[0]:
            return {"coefficients": blocks[0], **facts}
        return {"coefficients": dict(zip(titles, blocks, strict=True)), **facts}

    def confint(self, level: float = 0.95) -> Intervals:
        """Return confidence intervals of the coefficients, by their standard errors.

        Parameters
        ----------
        level : float, default 0.95

        Returns
        -------
        Intervals
            NaN where there is no standard error; its `notes` say why.
        """
        names: list[str] = []
        for block in self.coefficients:
            names += [f"{block.title}: {n}" if block.title else n for n in block.names]
        reach = [
            quantile(level, block.degrees_of_freedom) * block.std_error
            for block in self.coefficients
        ]
        estimate = np.concatenate([block.estimate for block in self.coefficients])
        half = np.concatenate(reach)
        notes = self.notes if np.isnan(half).any() else ()
        return Intervals(tuple(names), estimate - half, estimate + half, level, notes)

    def __str__(self) -> str:
        lines = list(self.head)
        for block in self.coefficients:
            lines += ["", f"{block.title or 'Coefficients'}:", *block.lines()]
        if self._has_stars():
            lines += ["---", _LEGEND]
        return "\n".join([*lines, "", *self.foot, *self.notes]).strip("\n")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Show the same in a notebook."""
        blocks = []
        for block in self.coefficients:
            head, *rows = zip(*block.cells(), strict=True)
            blocks.append(_html.table(head, rows, "lrrrrl", block.title or "Coefficients"))
        legend = [_LEGEND, ""] if self._has_stars() else []
        below = [*legend, *self.foot, *self.notes]
        return "\n".join([_html.lines(self.head), *blocks, _html.lines(below)])

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
    return Coefficients(
        tuple(names), estimate, std_error, statistic, p_value, letter, title, degrees_of_freedom
    )


def shown(value: float, form: str) -> str:
    """A number in a format; NA if it is not finite."""
    return format(value, form) if math.isfinite(value) else "NA"


def plain(value: Any) -> Any:
    """A number as a JSON value; None for NaN and infinity."""
    if isinstance(value, bool | str | int):
        return value
    return float(value) if math.isfinite(value) else None


def _stars(p: float) -> str:
    return next((mark for limit, mark in _STARS if p < limit), "")
