"""Zeros around images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnaccel import ops
from nnaccel.backends import asarray, to_numpy

from .checked import ORDERS, Checked, is_channels_last, normal

margins = st.tuples(*[st.integers(-1, 3)] * 4)


@given(padding=margins)
def test_zeros_around(backend: Any, padding: tuple[int, int, int, int]) -> None:
    x = normal(2, 3, 4, 5)
    top, bottom, left, right = padding
    wide = np.pad(x, ((0, 0), (0, 0), (4, 4), (4, 4)))
    want = wide[:, :, 4 - top : 8 + bottom, 4 - left : 9 + right]
    np.testing.assert_array_equal(to_numpy(ops.pad2d(asarray(x), padding)), want)


@given(padding=margins)
def test_its_gradient_crops(backend: Any, padding: tuple[int, int, int, int]) -> None:
    less = tuple(-side for side in padding)
    Checked(lambda x: ops.pad2d(x, padding), lambda dy, x: ops.pad2d(dy, less)).run(
        normal(2, 3, 4, 5)
    )


@pytest.mark.parametrize("order", ORDERS)
def test_every_memory_order(backend: Any, order: str) -> None:
    x = normal(2, 3, 4, 5)
    want = np.pad(x, ((0, 0), (0, 0), (1, 1), (2, 2)))
    got = ops.pad2d(asarray(ORDERS[order](x)), (1, 2))
    np.testing.assert_array_equal(to_numpy(got), want)
    assert is_channels_last(got) == ("channels-last" in order)


def test_empty_batches_and_dtypes(backend: Any) -> None:
    y = ops.pad2d(asarray(np.ones((0, 2, 3, 3), "float32")), 1)
    assert (y.shape, y.dtype) == ((0, 2, 5, 5), np.float32)


@pytest.mark.parametrize(
    ("padding", "words"),
    [
        ("same", "needs a window"),
        ((-2, -3, 0, 0), r"padding \(-2, -3, 0, 0\) leaves nothing of a 4x4 image"),
        ((1, 2, 3), r"padding=\(1, 2, 3\) must be"),
        (0.5, "padding=0.5 must be"),
    ],
)
def test_errors_in_words(padding: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ops.pad2d(np.ones((1, 1, 4, 4)), padding)
