"""What several tests of data use: IDX bytes, and what a load must come to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nnaccel.data import DataError, load


def header(*shape: int, dtype: int = 8, ndim: int | None = None) -> bytes:
    """Encode the header of an array of `shape`, with a wrong `dtype` or `ndim` on request."""
    lengths = b"".join(n.to_bytes(4, "big") for n in shape)
    return bytes([0, 0, dtype, len(shape) if ndim is None else ndim]) + lengths


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    """Encode an array."""
    return header(*array.shape) + array.tobytes()


def assert_is(loaded, small_mnist):
    (x, y), (x_test, y_test) = loaded
    for got, want in zip((x, y, x_test, y_test), small_mnist.values(), strict=True):
        np.testing.assert_array_equal(got, want)
        assert got.flags.c_contiguous
    assert x.dtype == x_test.dtype == np.uint8
    assert y.dtype == y_test.dtype == np.int64


def load_or_refuse(path, **options):
    """Load, or see that the refusal names the file."""
    try:
        return load(path, **options)
    except DataError as error:
        message = str(error)
    assert str(path) in message
    return None
