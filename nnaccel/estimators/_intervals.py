"""Intervals of coefficients and predictions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnaccel._text import shorten
from nnaccel.estimators import _r_format

Floats = NDArray[np.float64]


class PredictionInterval(NamedTuple):
    """Predictions (N,), and the limits of an interval about each."""

    fit: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Intervals:
    """Confidence intervals of coefficients; `str` of it is a table.

    Attributes
    ----------
    names : tuple of str
        Of the coefficients; of several responses or classes, with the title of the block.
    low, high : ndarray, shape (len(names),)
    level : float
        Such as 0.95.
    notes : tuple of str
        Last lines of the table: why limits are missing.
    """

    names: tuple[str, ...]
    low: Floats
    high: Floats
    level: float
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, tuple[Any, Any]]:
        """Return plain numbers by coefficient; None for NaN."""
        ends = zip(self.names, self.low, self.high, strict=True)
        return {name: (_plain(low), _plain(high)) for name, low, high in ends}

    def __str__(self) -> str:
        tail = 50 * (1 - self.level)
        columns = [["", *self.names]]
        for share, values in ((tail, self.low), (100 - tail, self.high)):
            columns.append([f"{share:.4g} %", *_r_format.numbers(values, 7)])
        widths = [max(map(len, column)) for column in columns]
        lines = []
        for name, *cells in zip(*columns, strict=True):
            right = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
            lines.append(" ".join([name.ljust(widths[0]), *right]))
        return "\n".join([*lines, *self.notes])

    __repr__ = __str__


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def quantile(level: float, degrees_of_freedom: float) -> float:
    """Return how many standard errors an interval of Student's t reaches to either side."""
    from scipy import stats

    if not isinstance(level, Real) or not 0 < level < 1:
        given = shorten(repr(level))
        raise ValueError(f"level must be between 0 and 1, such as 0.95, not {given}")
    share = (1 + level) / 2
    if math.isinf(degrees_of_freedom):
        return float(stats.norm.ppf(share))
    return float(stats.t.ppf(share, degrees_of_freedom))
