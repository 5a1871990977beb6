"""The matrix of a regression: numbers as they are, text as indicators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnaccel.data.errors import DataError
from nnaccel.data.levels import TextColumn, are_too_many

#: Whole numbers below this are exact in float64.
_EXACT = 2.0**53


@dataclass(frozen=True)
class Design:
    """What a regression is fitted to.

    Attributes
    ----------
    x : ndarray of float64, shape (N, p)
        A column for each number, and one for each level but the first of each text.
    feature_names : tuple of str
        Names of the p columns, ``city[Bonn]`` for an indicator.
    y : ndarray, shape (N,)
        float64, or text as an object array of str.
    target : str
        The name of y.
    dropped : int
        Rows left out because a cell was missing.
    missing : dict of str to int
        Missing cells of each column that has any.
    text : tuple of TextColumn
        How the columns of text were encoded.
    constant : tuple of TextColumn
        Text with one level only, which is not in `x`.
    index : tuple of str
        Names of the first columns of the file if they hold the rows' names, and are not in `x`.
    notes : tuple of str
        What was noticed in reading the file, in words.
    """

    x: NDArray[np.float64]
    feature_names: tuple[str, ...]
    y: NDArray[Any]
    target: str
    dropped: int
    missing: Mapping[str, int]
    text: tuple[TextColumn, ...] = ()
    constant: tuple[TextColumn, ...] = ()
    index: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether the target is text."""
        return self.y.dtype == object

    @property
    def variables(self) -> int:
        """How many columns of the file `x` comes from."""
        return len(self.feature_names) - sum(len(text.levels) - 2 for text in self.text)

    def labels(self) -> NDArray[Any]:
        """Return `y` as labels of classes.

        Returns
        -------
        ndarray, shape (N,)
            Text as it stands, whole numbers as int64, other numbers as text.

        Raises
        ------
        DataError
            There are more than 100 classes, or more than two thirds of the rows.
        """
        distinct = np.unique(self.y)
        if are_too_many(len(distinct), len(self.y)):
            raise DataError(
                f"the target {self.target!r} has {len(distinct):,} different values in "
                f"{len(self.y):,} rows: too many for classes"
                + (
                    "; it is text: not all of its cells are numbers, or text is asked for"
                    * self.is_text
                )
            )
        if self.is_text:
            return self.y
        if (np.abs(distinct) < _EXACT).all() and (distinct == np.rint(distinct)).all():
            return self.y.astype(np.int64)
        return np.array([str(value).removesuffix(".0") for value in self.y.tolist()], object)
