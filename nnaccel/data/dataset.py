"""A data set in memory, and how one table is split into training and test rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Inputs and targets of some rows.
Pair = tuple[NDArray[Any], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test rows with the names of their classes.

    Unpacks like what `mnist()` returns: ``(x, y), (x_test, y_test) = dataset``.

    Parameters
    ----------
    name : str
        What the data set is called.
    x, x_test : ndarray, shape (N, ...)
        Inputs, a row each: uint8 for images, else float32.
    y, y_test : ndarray, shape (N,)
        int64 labels in 0 … C-1; float32 values for regression.
    classes : tuple of str
        Name of each of the C classes; empty for regression.

    Examples
    --------
    >>> from nnaccel.data import load_named
    >>> flowers = load_named("iris")
    >>> flowers.classes
    ('setosa', 'versicolor', 'virginica')
    >>> flowers.x.shape, flowers.x_test.shape
    ((120, 4), (30, 4))
    """

    name: str
    x: NDArray[Any]
    y: NDArray[Any]
    x_test: NDArray[Any]
    y_test: NDArray[Any]
    classes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Pair]:
        """Yield the training pair, then the test pair."""
        yield self.x, self.y
        yield self.x_test, self.y_test


def split(
    x: NDArray[Any], y: NDArray[Any], *, test_fraction: float = 0.2, seed: int = 0
) -> tuple[Pair, Pair]:
    """Shuffle the rows and set a share of every class aside, always the same for one seed."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    if y.dtype.kind == "i":
        order = order[np.argsort(y[order], kind="stable")]
    # With the classes side by side, rows at an even pace take the same share of each.
    steps = np.floor(np.arange(len(y) + 1) * test_fraction + 0.5)
    test = np.diff(steps) > 0
    train_rows, test_rows = rng.permutation(order[~test]), rng.permutation(order[test])
    return (x[train_rows], y[train_rows]), (x[test_rows], y[test_rows])
