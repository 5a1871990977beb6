"""Transposition of small matrices in the memory of larger ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nnaccel_kernels.cpu.matmul.transpose import transpose
from nnaccel_kernels.cpu.runtime.jit import njit

lengths, margins = st.integers(1, 40), st.integers(0, 3)


@njit
def _transpose(rows, cols, x, x_at, x_row, y, y_at, y_row):  # type: ignore[no-untyped-def]
    transpose(rows, cols, x, x_at, x_row, y, y_at, y_row)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=50)
@given(rows=lengths, cols=lengths, beside=margins, below=margins)
@example(16, 9, 0, 0)
@example(9, 16, 0, 0)
@example(7, 11, 1, 2)
@example(28, 8, 0, 0)
def test_transpose_writes_nothing_else(
    dtype: type, rows: int, cols: int, beside: int, below: int
) -> None:
    x = np.arange((rows + 2) * (cols + beside), dtype=dtype).reshape(rows + 2, cols + beside)
    y = np.full((cols + 2, rows + below), -1, dtype)
    wanted = y.copy()
    wanted[1:-1, :rows] = x[1:-1, :cols].T
    _transpose(
        rows, cols, x.reshape(-1), x.shape[1], x.shape[1], y.reshape(-1), y.shape[1], y.shape[1]
    )
    np.testing.assert_array_equal(y, wanted)
