"""What is said of variables that the rows cannot tell apart."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: A column whose spread is less than this share of its largest value is constant but for rounding.
ROUNDING = 1e-13

_MOST_NAMES = 8


class CollinearityWarning(UserWarning):
    """Some coefficients are not settled by the data."""


def warn_of_dependence(
    x: NDArray[np.float64], names: Sequence[str], dependent: Sequence[int], intercept: bool
) -> None:
    """Warn of the variables that take part in a linear dependence, by name.

    Parameters
    ----------
    x : ndarray, shape (N, p)
        Rows that count.
    names : sequence of str
        Of its columns.
    dependent : sequence of int
        Columns in question; without any nothing is said.
    intercept : bool
        Whether there is one: constant columns repeat it.
    """
    if not dependent:
        return
    count, variables = x.shape
    spread, size = np.ptp(x, axis=0), np.abs(x).max(axis=0)
    constant = [
        j for j in dependent if spread[j] <= 2 * ROUNDING * size[j] and (intercept or not size[j])
    ]
    varied = [j for j in dependent if j not in constant]
    said = []
    if len(varied) > 1 and count - intercept < variables:
        said.append(f"{count} rows cannot settle {variables} coefficients")
    elif len(varied) > 1:
        said.append(f"columns {listed(names, varied)} are linearly dependent")
    if constant:
        what = "constant, as the intercept is" if intercept else "0 everywhere"
        are = "columns" if len(constant) > 1 else "column"
        said.append(
            f"{are} {listed(names, constant)} {'are' if len(constant) > 1 else 'is'} {what}"
        )
    warnings.warn(
        f"{'; '.join(said)}: of all solutions, that of least norm is taken. Leave out columns, or "
        "read these coefficients as one of many",
        CollinearityWarning,
        stacklevel=3,
    )


def listed(names: Sequence[str], columns: Sequence[int]) -> str:
    """Quoted names with "and" before the last; only the first few of many."""
    quoted = [repr(str(names[j])) for j in columns[:_MOST_NAMES]]
    if len(columns) > _MOST_NAMES:
        return f"{', '.join(quoted)} and {len(columns) - _MOST_NAMES} more"
    return " and ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))
