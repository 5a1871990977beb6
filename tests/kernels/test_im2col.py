"""im2col against one pixel at a time, and col2im as its adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings

from nnaccel.backends import to_numpy
from nnaccel_kernels.window import Window

from . import naive
from .images import Case, assert_within, cases, eps, normal, orders, place, unfilled

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
PIXEL = Case((2, 3, 1, 1), Window((3, 3), padding=(1, 1, 1, 1)))
WIDE = Case((1, 40, 3, 20), Window((3, 2), (1, 2), (0, 2, 1, 0), (1, 3)))
NOTHING = Case((0, 3, 5, 5), Window((2, 2)))


def columns_shape(case: Case) -> tuple[int, ...]:
    return naive.im2col(np.zeros(case.shape), case.window).shape


@dtypes
@settings(max_examples=12)
@given(case=cases(crop=1), last=orders)
@example(PIXEL, False)
@example(WIDE, True)
@example(NOTHING, False)
def test_im2col(backend: Any, dtype: Any, case: Case, last: bool) -> None:
    (x,) = normal(case.seed, dtype, case.shape)
    cols = backend.asarray(np.full(columns_shape(case), np.nan, dtype))
    backend.kernels.im2col(place(backend, x, last), case.window, cols)
    np.testing.assert_array_equal(to_numpy(cols), naive.im2col(x, case.window))


@dtypes
@settings(max_examples=12)
@given(case=cases(crop=1), last=orders)
@example(PIXEL, False)
@example(WIDE, True)
@example(NOTHING, False)
def test_col2im(backend: Any, dtype: Any, case: Case, last: bool) -> None:
    (cols,) = normal(case.seed, dtype, columns_shape(case))
    dx = unfilled(backend, case.shape, dtype, last)
    backend.kernels.col2im(backend.asarray(cols), case.window, dx)
    want = naive.col2im(cols, case.window, case.shape)
    size = naive.col2im(np.abs(cols), case.window, case.shape)
    taps = case.window.kernel_size[0] * case.window.kernel_size[1]
    assert_within(dx, want, taps * eps(dtype) * size)


@settings(max_examples=12)
@given(case=cases(crop=1), last=orders)
def test_col2im_is_the_adjoint_of_im2col(backend: Any, case: Case, last: bool) -> None:
    x, c = normal(case.seed, np.float64, case.shape, columns_shape(case))
    cols, dx = backend.asarray(np.full_like(c, np.nan)), unfilled(backend, x.shape, x.dtype, last)
    backend.kernels.im2col(place(backend, x, last), case.window, cols)
    backend.kernels.col2im(backend.asarray(c), case.window, dx)
    there, back = to_numpy(cols) * c, to_numpy(dx) * x
    assert abs(there.sum() - back.sum()) <= 1e-11 * np.abs(there).sum()
