"""Copies between memory orders, and padding, which is its own adjoint when turned round."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nnaccel.backends import to_numpy

from .images import normal, orders, place, unfilled

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
shapes = st.tuples(*(st.integers(low, 20) for low in (0, 1, 1, 1)))
paddings = st.tuples(*[st.integers(-3, 3)] * 4)
seeds = st.integers(0, 2**32 - 1)


@dtypes
@settings(max_examples=10)
@given(shape=shapes, seed=seeds, last=st.tuples(orders, orders))
@example((3, 33, 7, 18), 0, (True, False))
@example((3, 33, 7, 18), 0, (False, True))
def test_copy(
    backend: Any, dtype: Any, shape: tuple[int, ...], seed: int, last: tuple[bool, bool]
) -> None:
    (x,) = normal(seed, dtype, shape)
    y = unfilled(backend, shape, dtype, last[1])
    backend.kernels.copy(place(backend, x, last[0]), y)
    np.testing.assert_array_equal(to_numpy(y), x)


def padded(x: np.ndarray, padding: tuple[int, int, int, int]) -> np.ndarray:
    """Zeros, with the pixels of x that have a place among them."""
    top, bottom, left, right = padding
    height, width = x.shape[2] + top + bottom, x.shape[3] + left + right
    y = np.zeros((*x.shape[:2], height, width), x.dtype)
    for row, column in np.ndindex(x.shape[2:]):
        if 0 <= row + top < height and 0 <= column + left < width:
            y[:, :, row + top, column + left] = x[:, :, row, column]
    return y


@dtypes
@settings(max_examples=15)
@given(shape=shapes, padding=paddings, seed=seeds, last=st.tuples(orders, orders))
@example((2, 3, 4, 5), (1, 2, 3, 0), 0, (True, False))
@example((2, 3, 4, 5), (-1, -2, 0, -3), 0, (False, True))
@example((1, 1, 1, 1), (-2, 3, 2, -1), 0, (False, False))  # all of it cropped
@example((0, 3, 2, 2), (1, 1, 1, 1), 0, (False, False))
def test_pad2d(
    backend: Any,
    dtype: Any,
    shape: tuple[int, ...],
    padding: tuple[int, int, int, int],
    seed: int,
    last: tuple[bool, bool],
) -> None:
    shape = (
        *shape[:2],
        *(  # as large as the crop asks for
            max(size, 1 - padding[2 * i] - padding[2 * i + 1]) for i, size in enumerate(shape[2:])
        ),
    )
    (x,) = normal(seed, dtype, shape)
    want = padded(x, padding)
    y, back = (
        unfilled(backend, want.shape, dtype, last[1]),
        unfilled(backend, shape, dtype, last[0]),
    )
    backend.kernels.pad2d(place(backend, x, last[0]), padding, y)
    np.testing.assert_array_equal(to_numpy(y), want)
    opposite = tuple(-p for p in padding)
    backend.kernels.pad2d(y, opposite, back)
    np.testing.assert_array_equal(to_numpy(back), padded(want, opposite))  # type: ignore[arg-type]
