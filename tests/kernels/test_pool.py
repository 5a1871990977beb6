"""Pooling against a walk over every window: maxima, ties, NaN, divisors and gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nnaccel.backends import get_backend, to_numpy
from nnaccel_kernels.window import Window

from . import naive
from .images import Case, assert_within, eps, normal, orders, place, unfilled

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@st.composite
def pools(draw: st.DrawFn) -> Case:
    """Windows that may reach over the far edge by less than a stride, as ceil_mode lets them."""
    axes, size = [], []
    for _ in range(2):
        kernel, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 2))
        stride = draw(st.integers(1, 3))
        before, after = (draw(st.integers(0, kernel // 2)) for _ in range(2))
        extent = (kernel - 1) * dilation + 1
        size.append(max(1, extent - before - after) + draw(st.sampled_from([0, 1, 2, 3, 5, 17])))
        axes.append((kernel, stride, (before, after), dilation))
    down, across = axes
    window = Window(
        (down[0], across[0]), (down[1], across[1]), (*down[2], *across[2]), (down[3], across[3])
    )
    shape = draw(st.integers(0, 2)), draw(st.sampled_from([1, 2, 5, 18])), *size
    return Case(shape, window, draw(st.integers(0, 2**32 - 1)))


def positions_of(case: Case, ceil: bool) -> tuple[int, int]:
    """How many positions; with `ceil`, one more if it begins on the image and not past it."""
    image, counts = case.shape[2:], naive.positions_of(case.window, case.shape[2:])  # type: ignore[arg-type]
    more = [
        int(ceil and counts[i] * case.window.stride[i] - case.window.padding[2 * i] < image[i])
        for i in (0, 1)
    ]
    return counts[0] + more[0], counts[1] + more[1]


PIXEL = Case((2, 3, 1, 1), Window((3, 3), padding=(1, 1, 1, 1)))
HALVES = Case((2, 33, 5, 20), Window((2, 2), (2, 2)))
NOTHING = Case((0, 3, 4, 4), Window((2, 2), (2, 2)))
ODD = Case((3, 5, 9, 31), Window((2, 2), (2, 2)))
SPARSE = Case((1, 2, 7, 8), Window((1, 2), (3, 3)))

pooled = given(case=pools(), ceil=st.booleans(), last=st.tuples(orders, orders))


def examples(test: Any) -> Any:
    for case in (PIXEL, HALVES, ODD, NOTHING, SPARSE):
        for ceil in (True, False):
            test = example(case, ceil, (ceil, not ceil))(test)
    for last in (True, False):
        test = example(ODD, False, (last, last))(test)
    return test


@dtypes
@settings(max_examples=12)
@pooled
@examples
def test_max_pool2d(
    backend: Any, dtype: Any, case: Case, ceil: bool, last: tuple[bool, bool]
) -> None:
    """Small integers, so that ties are many, and now and then an infinity or a NaN."""
    rng = np.random.default_rng(case.seed)
    values = np.array([-2, -1, 0, 1, 2, -math.inf, math.inf, math.nan])
    rare = [0.19, 0.19, 0.19, 0.19, 0.19, 0.02, 0.015, 0.015]
    x = rng.choice(values, case.shape, p=rare).astype(dtype)
    want, where = naive.max_pool2d(x, case.window, positions_of(case, ceil))
    y = unfilled(backend, want.shape, dtype, last[1])
    placed = place(backend, x, last[0])
    backend.kernels.max_pool2d(placed, case.window, y)
    np.testing.assert_array_equal(to_numpy(y), want)

    (dy,) = normal(case.seed, dtype, want.shape)
    expected, size = np.zeros((2, *case.shape[:2], math.prod(case.shape[2:])))
    for at in zip(*np.nonzero(where >= 0), strict=True):
        expected[*at[:2], where[at]] += dy[at]
        size[*at[:2], where[at]] += abs(dy[at])
    dx = unfilled(backend, case.shape, dtype, last[1])
    backend.kernels.max_pool2d_backward(
        place(backend, dy, last[0]), placed, place(backend, to_numpy(y), last[1]), case.window, dx
    )
    taps = math.prod(case.window.kernel_size)
    assert_within(dx, expected.reshape(case.shape), taps * eps(dtype) * size.reshape(case.shape))


@dtypes
@pytest.mark.parametrize("count_include_pad", [True, False])
@settings(max_examples=12)
@pooled
@examples
def test_avg_pool2d(
    backend: Any,
    dtype: Any,
    count_include_pad: bool,
    case: Case,
    ceil: bool,
    last: tuple[bool, bool],
) -> None:
    positions = positions_of(case, ceil)
    image = case.shape[2], case.shape[3]
    weights = naive.avg_pool2d_weights(case.window, image, positions, count_include_pad)
    x, dy = normal(case.seed, dtype, case.shape, (*case.shape[:2], *positions))
    bound = (math.prod(case.window.kernel_size) + 3) * eps(dtype)

    y = unfilled(backend, dy.shape, dtype, last[1])
    backend.kernels.avg_pool2d(place(backend, x, last[0]), case.window, count_include_pad, y)
    want, size = (np.einsum("ijhw,nchw->ncij", weights, a) for a in (x, np.abs(x)))
    assert_within(y, want, bound * size)

    dx = unfilled(backend, case.shape, dtype, last[0])
    backend.kernels.avg_pool2d_backward(
        place(backend, dy, last[1]), case.window, count_include_pad, dx
    )
    want, size = (np.einsum("ijhw,ncij->nchw", weights, a) for a in (dy, np.abs(dy)))
    assert_within(dx, want, bound * size)


def test_what_pytorch_gives_with_ceil_mode_and_padding(backend: Any) -> None:
    """The last window holds a pixel, a zero of the padding, and one tap beyond that."""
    window = Window((1, 3), (1, 2), (0, 0, 1, 1))
    x = backend.asarray(np.array([[[[1.0, 2, 4, 8]]]]))
    y = backend.empty((1, 1, 1, 3), np.float64)
    backend.kernels.avg_pool2d(x, window, True, y)
    np.testing.assert_allclose(to_numpy(y)[0, 0, 0], [1, 14 / 3, 4])
    backend.kernels.avg_pool2d(x, window, False, y)
    np.testing.assert_allclose(to_numpy(y)[0, 0, 0], [1.5, 14 / 3, 8])
    backend.kernels.max_pool2d(x, window, y)
    np.testing.assert_array_equal(to_numpy(y)[0, 0, 0], [2, 8, 8])


def test_a_window_without_any_pixel(backend: Any) -> None:
    """Its two taps lie on both sides of the one pixel: no maximum, a mean of 0, no gradients."""
    window = Window((1, 2), (1, 1), (0, 0, 1, 1), (1, 2))
    x, dy = backend.asarray(np.full((1, 1, 1, 1), 3.0)), backend.asarray(np.ones((1, 1, 1, 1)))
    y, dx = (backend.empty((1, 1, 1, 1), np.float64) for _ in range(2))
    backend.kernels.max_pool2d(x, window, y)
    assert to_numpy(y).item() == -math.inf
    backend.kernels.max_pool2d_backward(dy, x, y, window, dx)
    assert to_numpy(dx).item() == 0
    for count_include_pad in (True, False):
        backend.kernels.avg_pool2d(x, window, count_include_pad, y)
        assert to_numpy(y).item() == 0
        backend.kernels.avg_pool2d_backward(dy, window, count_include_pad, dx)
        assert to_numpy(dx).item() == 0


@pytest.mark.parametrize("channels_last", [False, True])
def test_gradients_of_2x2_windows_copy_no_layouts(
    channels_last: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy(*_: Any) -> None:
        pytest.fail("copied to another memory order")

    monkeypatch.setattr("nnaccel_kernels.cpu.windows.parts.copy", copy)
    backend, window = get_backend("numba"), Window((2, 2), (2, 2))
    arrays = normal(0, np.float32, (2, 16, 3, 4), (2, 16, 6, 8), (2, 16, 3, 4), (2, 16, 6, 8))
    dy, x, y, dx = (place(backend, a, channels_last) for a in arrays)
    backend.kernels.max_pool2d_backward(dy, x, y, window, dx)
    assert np.isin(dx, [0, *dy.ravel()]).all()
    if channels_last:
        backend.kernels.avg_pool2d_backward(dy, window, True, dx)
        np.testing.assert_array_equal(dx, dy.repeat(2, 2).repeat(2, 3) / 4)
