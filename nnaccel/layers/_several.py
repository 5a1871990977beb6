"""Several inputs of a network side by side, such as images beside numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from nnaccel.backends import Array


class Several:
    """Arrays of as many rows, one for each branch of a network's first layer.

    It has what training asks of an array: length, rows, shape and dtype.

    Parameters
    ----------
    arrays : sequence of array, shape (N, ...)

    Attributes
    ----------
    arrays : tuple of array
    shape : tuple
        N, and the shape of a row of each array: ``(N, (1, 28, 28), (5,))``.
    dtype : tuple of str
    """

    def __init__(self, arrays: Sequence[Array]) -> None:
        self.arrays = tuple(arrays)

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __iter__(self) -> Iterator[Array]:
        return iter(self.arrays)

    def __getitem__(self, rows: Any) -> Several:
        return self.map(lambda array: array[rows])

    @property
    def shape(self) -> tuple[Any, ...]:
        """Rows, and the shape of a row of each array."""
        return len(self), *(tuple(array.shape[1:]) for array in self.arrays)

    @property
    def dtype(self) -> tuple[str, ...]:
        """Name of each array's dtype."""
        return tuple(str(array.dtype) for array in self.arrays)

    def copy(self) -> Several:
        """Return copies."""
        return self.map(lambda array: array.copy())

    def map(self, function: Callable[[Array], Array]) -> Several:
        """Return what the function makes of each array."""
        return Several([function(array) for array in self.arrays])


def parts_of(x: Array) -> tuple[Array, ...]:
    """Return the arrays of several inputs, or the one array."""
    return x.arrays if isinstance(x, Several) else (x,)


def shapes_of(input_shape: Any) -> tuple[tuple[int, ...], ...]:
    """Return the shape of each input, from that of one or of several."""
    return tuple(input_shape) if is_of_several(input_shape) else (input_shape,)


def is_of_several(input_shape: Any) -> bool:
    """Whether an input shape is one of several inputs: a tuple of shapes."""
    return len(input_shape) > 0 and isinstance(input_shape[0], (tuple, list))
