"""Warnings of collinear variables."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: A column whose range is less than this share of its largest value is constant up to rounding.
ROUNDING = 1e-13

_MOST_NAMES = 8


class CollinearityWarning(UserWarning):
    """Some coefficients are not determined by the data."""


def warn_of_dependence(
    x: NDArray[np.float64],
    weights: NDArray[np.float64],
    names: Sequence[str],
    dependent: Sequence[int],
    intercept: bool,
) -> None:
    """Warn of linearly dependent variables, by name.

    Parameters
    ----------
    x : ndarray, shape (N, p)
    weights : ndarray, shape (N,)
        Rows of weight 0 do not count.
    names : sequence of str
        Names of its columns.
    dependent : sequence of int
        Dependent columns; if empty there is no warning.
    intercept : bool
        Whether there is an intercept, which a constant column depends on.
    """
    if not dependent:
        return
    x = x[weights > 0]
    count, variables = x.shape
    spread, size = np.ptp(x, axis=0), np.abs(x).max(axis=0)
    constant = [
        j for j in dependent if spread[j] <= 2 * ROUNDING * size[j] and (intercept or not size[j])
    ]
    varied = [j for j in dependent if j not in constant]
    causes = []
    if len(varied) > 1 and count - intercept < variables:
        causes.append(f"{count} rows cannot determine {variables} coefficients")
    elif len(varied) > 1:
        causes.append(f"columns {listed(names, varied)} are linearly dependent")
    if constant:
        what = "constant, as the intercept is" if intercept else "0 everywhere"
        are = "columns" if len(constant) > 1 else "column"
        causes.append(
            f"{are} {listed(names, constant)} {'are' if len(constant) > 1 else 'is'} {what}"
        )
    warnings.warn(
        f"{'; '.join(causes)}: the solution is the one of least norm. To fix: leave out columns, "
        "or take these coefficients as one solution of many",
        CollinearityWarning,
        stacklevel=3,
    )


def listed(names: Sequence[str], columns: Sequence[int]) -> str:
    """Quoted names, with "and" before the last; only the first few of many."""
    quoted = [repr(str(names[j])) for j in columns[:_MOST_NAMES]]
    if len(columns) > _MOST_NAMES:
        return f"{', '.join(quoted)} and {len(columns) - _MOST_NAMES} more"
    return " and ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))
