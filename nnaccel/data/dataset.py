"""A data set in memory, and how one table is split into training and test rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nnaccel.data.scaling import Scaling
from nnaccel.data.schema import Schema

#: Data sets that `load_named` knows by name.
NAMES = ("mnist", "fashion_mnist", "kmnist", "digits", "iris")

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
    schema : Schema, optional
        Which columns of a table `x` and `y` come from.
    scaling : Scaling, optional
        How the columns, and values for regression, were standardised.
    notes : tuple of str
        What was guessed or left out in reading a file, in words.

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
    schema: Schema | None = None
    scaling: Scaling | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_table(self) -> bool:
        """Whether inputs are columns of numbers, and not images, whose pixels are alike."""
        return self.x.ndim == 2

    def standardized(self, scaling: Scaling | None = None) -> Self:
        """Bring the columns of a table to mean 0 and standard deviation 1; images stay.

        Indicators of text stay too; values for regression are scaled as the columns are.

        Parameters
        ----------
        scaling : Scaling, optional
            The one a model was trained with; images are then laid out flat and scaled too. By
            default that of the training rows, for tables only.

        Returns
        -------
        Dataset
            With its `scaling`.

        Examples
        --------
        >>> from nnaccel.data import load_named
        >>> flowers = load_named("iris").standardized()
        >>> float(flowers.x[:, 0].std().round(3))
        1.0
        """
        if scaling is None and not self.is_table:
            return self
        given = scaling
        if scaling is None:
            kept = None
            if self.schema is not None:
                kept = [name not in self.schema.columns for name in self.schema.feature_names]
            scaling = Scaling.of(self.x, self.y, kept)
        what = "columns" if self.classes else "columns, the label's too,"
        note = f"{what} are brought to mean 0 and deviation 1 (--no-standardize leaves them)"
        return replace(
            self,
            notes=(*self.notes, note) if given is None else self.notes,
            x=scaling.inputs(self.x),
            y=scaling.targets(self.y),
            x_test=scaling.inputs(self.x_test),
            y_test=scaling.targets(self.y_test),
            scaling=scaling,
        )

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
