"""Pooling: its definition, its gradients, and its edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nnaccel import ops
from nnaccel.backends import asarray, to_numpy
from nnaccel.ops import _geometry

from .checked import ORDERS, Checked, is_channels_last, normal

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def cases(draw: Any) -> tuple[tuple[int, ...], tuple[int, int], dict[str, Any]]:
    """A shape of images, a window, and how it moves."""
    shape = draw(st.tuples(*[st.integers(1, most) for most in (2, 3, 8, 8)]))
    padding = draw(st.integers(0, 2) | st.tuples(*[st.integers(0, 3)] * 4) | st.just("same"))
    taps, stride = draw(pairs), draw(st.none() | pairs)
    how = {"stride": stride, "padding": padding, "dilation": draw(pairs)}
    how["ceil_mode"] = draw(st.booleans())
    window = _geometry.window(shape[2:], taps, stride or taps, padding, how["dilation"])
    assume(min(window.output_size(*shape[2:])) > 0)
    return shape, taps, how


def seen(x: np.ndarray, taps: Any, at: tuple[int, int], **how: Any) -> tuple[np.ndarray, int]:
    """The pixels (N, C, count) under a window, and how many taps lie on image or padding."""
    window = _geometry.window(
        x.shape[2:], taps, how["stride"] or taps, how["padding"], how["dilation"]
    )
    (top, bottom, left, right), (height, width) = window.padding, x.shape[2:]
    inside, counted = [], 0
    for r, s in np.ndindex(*window.kernel_size):
        i = at[0] * window.stride[0] - top + r * window.dilation[0]
        j = at[1] * window.stride[1] - left + s * window.dilation[1]
        counted += i < height + bottom and j < width + right
        if 0 <= i < height and 0 <= j < width:
            inside.append(x[:, :, i, j])
    return np.stack(inside, -1) if inside else np.empty((*x.shape[:2], 0)), counted


@given(case=cases())
def test_max_is_the_largest(backend: Any, case: Any) -> None:
    shape, taps, how = case
    x = normal(*shape)
    y = to_numpy(ops.max_pool2d(asarray(x), taps, **how))
    for at in np.ndindex(*y.shape[2:]):
        want = seen(x, taps, at, **how)[0].max(axis=-1, initial=-np.inf)
        np.testing.assert_array_equal(y[:, :, *at], want)


@pytest.mark.parametrize("include", [True, False])
@given(case=cases())
def test_average_is_the_mean(backend: Any, include: bool, case: Any) -> None:
    shape, taps, how = case
    x = normal(*shape)
    y = to_numpy(ops.avg_pool2d(asarray(x), taps, count_include_pad=include, **how))
    for at in np.ndindex(*y.shape[2:]):
        pixels, counted = seen(x, taps, at, **how)
        divisor = counted if include else max(1, pixels.shape[-1])
        np.testing.assert_allclose(y[:, :, *at], pixels.sum(axis=-1) / divisor, atol=1e-13)


@settings(max_examples=10)
@given(case=cases())
def test_gradients(backend: Any, case: Any) -> None:
    shape, taps, how = case
    x = np.random.default_rng(0).permutation(np.prod(shape)).reshape(shape) / 10  # no ties
    inside = to_numpy(ops.max_pool2d(asarray(x), taps, **how)) > -np.inf

    def largest(x: Any) -> Any:
        return asarray(np.where(inside, to_numpy(ops.max_pool2d(x, taps, **how)), 0))

    Checked(
        largest,
        lambda dy, x: ops.max_pool2d_backward(dy, x, ops.max_pool2d(x, taps, **how), taps, **how),
    ).run(x)
    for include in (True, False):
        how["count_include_pad"] = include
        Checked(
            lambda x: ops.avg_pool2d(x, taps, **how),
            lambda dy, x: ops.avg_pool2d_backward(dy, x, taps, **how),
        ).run(x)


@pytest.mark.parametrize(
    ("size", "taps", "how", "want"),
    [
        (5, 2, {}, 2),
        (5, 2, {"ceil_mode": True}, 3),
        (5, 2, {"stride": 3}, 2),
        (5, 2, {"stride": 4, "ceil_mode": True}, 2),
        (6, 2, {"stride": 4, "padding": 1, "ceil_mode": True}, 2),
        (4, 1, {"stride": 3, "padding": (0, 1, 0, 1), "ceil_mode": True}, 2),
        (1, 2, {"ceil_mode": True}, 1),
        (5, 3, {"stride": 2, "padding": "same"}, 3),
        (5, 2, {"padding": 1}, 3),
        (7, 3, {"dilation": 2, "stride": 1}, 3),
    ],
)
def test_sizes(size: int, taps: int, how: dict[str, Any], want: int) -> None:
    """Those that PyTorch gives where it takes the settings at all."""
    x = np.ones((1, 1, size, size))
    assert ops.max_pool2d(x, taps, **how).shape == (1, 1, want, want)
    assert ops.avg_pool2d(x, taps, **how).shape == (1, 1, want, want)


def test_ties_go_to_the_first_and_nan_to_itself(backend: Any) -> None:
    x = np.zeros((1, 1, 2, 4))
    x[0, 0, 1, 2] = np.nan
    y = ops.max_pool2d(asarray(x), 2)
    assert np.isnan(to_numpy(y)[0, 0, 0]).tolist() == [False, True]
    dx = ops.max_pool2d_backward(asarray(np.ones((1, 1, 1, 2))), asarray(x), y, 2)
    assert to_numpy(dx).reshape(2, 4).tolist() == [[1, 0, 0, 0], [0, 0, 1, 0]]


def test_windows_without_pixels(backend: Any) -> None:
    x, how = asarray(np.ones((1, 1, 1, 2))), {"stride": 1, "padding": (0, 0, 2, 0)}
    y = ops.max_pool2d(x, (1, 2), **how)
    assert to_numpy(y).tolist() == [[[[-np.inf, 1, 1]]]]
    dx = ops.max_pool2d_backward(asarray(np.ones((1, 1, 1, 3))), x, y, (1, 2), **how)
    assert to_numpy(dx).tolist() == [[[[2, 0]]]]
    means = ops.avg_pool2d(x, (1, 2), count_include_pad=False, **how)
    assert to_numpy(means).tolist() == [[[[0, 1, 1]]]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", ORDERS)
def test_every_memory_order(backend: Any, order: str, dtype: str) -> None:
    x, dy = normal(2, 3, 5, 4).astype(dtype), normal(2, 3, 4, 2, seed=1).astype(dtype)
    how = {"stride": (1, 2)}
    largest, means = (to_numpy(f(asarray(x), 2, **how)) for f in (ops.max_pool2d, ops.avg_pool2d))
    to_largest = ops.max_pool2d_backward(*map(asarray, (dy, x, largest)), 2, **how)
    to_means = ops.avg_pool2d_backward(*map(asarray, (dy, x)), 2, **how)
    turned, images = asarray(ORDERS[order](dy)), asarray(ORDERS[order](x))
    for f, want in ((ops.max_pool2d, largest), (ops.avg_pool2d, means)):
        got = f(images, 2, **how)
        assert is_channels_last(got) == ("channels-last" in order)
        assert got.dtype == dtype
        np.testing.assert_allclose(to_numpy(got), want, rtol=1e-6)
    for one, other in ((images, turned), (images, asarray(dy)), (asarray(x), turned)):
        results = [
            (ops.max_pool2d_backward(other, one, asarray(largest), 2, **how), to_largest),
            (ops.avg_pool2d_backward(other, one, 2, **how), to_means),
        ]
        for ours, theirs in results:
            assert is_channels_last(ours) == is_channels_last(one)
            np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs), rtol=1e-6)


def test_an_empty_batch(backend: Any) -> None:
    x = asarray(np.ones((0, 2, 4, 4)))
    y = ops.max_pool2d(x, 2)
    assert y.shape == ops.avg_pool2d(x, 2).shape == (0, 2, 2, 2)
    assert ops.max_pool2d_backward(y, x, y, 2).shape == x.shape
    assert ops.avg_pool2d_backward(y, x, 2).shape == x.shape


x = np.ones((2, 3, 4, 4))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ops.max_pool2d(x, 5), r"a 5x5 window does not fit a 4x4 image with padding"),
        (lambda: ops.avg_pool2d(x, 0), "kernel_size=0 must be a whole number of at least 1"),
        (lambda: ops.max_pool2d(x[0], 2), "expected 4 axes"),
        (lambda: ops.max_pool2d(x, 2, padding=-1), "padding=-1 must be at least 0"),
        (lambda: ops.max_pool2d_backward(x, x, x, 2), r"y has shape .* expected \(2, 3, 2, 2\)"),
        (lambda: ops.max_pool2d_backward(x, x, ops.max_pool2d(x, 2), 2), "they must agree"),
        (lambda: ops.avg_pool2d_backward(x, x, 2), r"dy has shape .* expected \(2, 3, 2, 2\)"),
    ],
)
def test_errors_in_words(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
