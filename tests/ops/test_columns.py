"""im2col and col2im: what a window sees, and its adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nnaccel import ops
from nnaccel.backends import asarray, to_numpy
from nnaccel.ops import _geometry

from .checked import ORDERS, normal

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def cases(draw: Any) -> tuple[tuple[int, ...], tuple[int, int], dict[str, Any]]:
    """A shape of images, a window, and how it moves."""
    shape = draw(st.tuples(*[st.integers(1, most) for most in (2, 3, 7, 7)]))
    taps, padding = draw(pairs), draw(st.tuples(*[st.integers(0, 2)] * 4) | st.just("same"))
    how = {"stride": draw(pairs), "padding": padding, "dilation": draw(pairs)}
    window = _geometry.window(shape[2:], taps, **how)
    assume(min(window.output_size(*shape[2:])) > 0)
    return shape, taps, how


@given(case=cases())
def test_convolution_is_a_product_with_columns(backend: Any, case: Any) -> None:
    shape, taps, how = case
    x, w = normal(*shape), normal(4, shape[1], *taps, seed=1)
    y = to_numpy(ops.conv2d(asarray(x), asarray(w), **how))
    cols = to_numpy(ops.im2col(asarray(x), taps, **how))
    np.testing.assert_allclose(
        w.reshape(4, -1) @ cols, y.reshape(len(x), 4, -1), rtol=1e-11, atol=1e-11
    )


@given(case=cases())
def test_col2im_is_the_adjoint(backend: Any, case: Any) -> None:
    shape, taps, how = case
    x = normal(*shape)
    cols = to_numpy(ops.im2col(asarray(x), taps, **how))
    other = normal(*cols.shape, seed=1)
    back = to_numpy(ops.col2im(asarray(other), shape[2:], taps, **how))
    assert back.shape == shape
    assert float((cols * other).sum()) == pytest.approx(float((x * back).sum()), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("order", ORDERS)
def test_every_memory_order(backend: Any, order: str) -> None:
    x = normal(2, 3, 4, 5)
    want = to_numpy(ops.im2col(asarray(x), 2, stride=2, padding=1))
    got = ops.im2col(asarray(ORDERS[order](x)), 2, stride=2, padding=1)
    np.testing.assert_array_equal(to_numpy(got), want)
    assert got.flags.c_contiguous


def test_empty_batches(backend: Any) -> None:
    cols = ops.im2col(asarray(np.ones((0, 2, 4, 4))), 3)
    assert cols.shape == (0, 18, 4)
    assert ops.col2im(cols, 4, 3).shape == (0, 2, 4, 4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtypes(backend: Any, dtype: str) -> None:
    cols = ops.im2col(asarray(np.ones((1, 2, 4, 4), dtype)), 3)
    assert cols.dtype == dtype
    assert ops.col2im(cols, 4, 3).dtype == dtype


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ops.im2col(np.ones((2, 4, 4)), 3), "x has shape .* expected 4 axes"),
        (lambda: ops.im2col(np.ones((1, 1, 2, 2)), (2, 3)), "a 2x3 window does not fit a 2x2 im"),
        (lambda: ops.col2im(np.ones((1, 9)), 3, 2), r"expected 3 axes, \(N, C\*R\*S, OH\*OW\)"),
        (
            lambda: ops.col2im(np.ones((1, 9, 4)), 3, 2),
            r"expected \(N, C\*4, 4\): a column for each of 2x2 positions of a 2x2 window",
        ),
        (lambda: ops.col2im(np.ones((1, 8, 5)), 3, 2), r"cols has shape \(1, 8, 5\)"),
        (lambda: ops.col2im(np.ones((1, 8, 4)), (3, 0), 2), r"image_size=\(3, 0\) must be"),
    ],
)
def test_errors_in_words(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
