"""What NaN and outliers do to outputs that do not see them, by algorithm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnaccel as nn
from nnaccel import ops

CHANNELS, SIDE = 16, 12


def images(seed: int, taps: int = 3) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1, CHANNELS, SIDE, SIDE))
    w = rng.normal(size=(CHANNELS, CHANNELS, taps, taps)) / (4 * taps)
    return x.astype("float32"), w.astype("float32")


def unseen(row: int, column: int, taps: int = 3) -> Any:
    """Outputs of a convolution that keeps the size of its images that do not see a pixel."""
    mask, reach = np.ones((SIDE, SIDE), bool), taps // 2
    rows, columns = (slice(max(0, at - reach), at + reach + 1) for at in (row, column))
    mask[rows, columns] = False
    return mask


@pytest.mark.parametrize(
    ("algorithm", "taps", "tile"),
    [*((name, 3, 4) for name in ("gemm", "direct", "im2col", "auto", "winograd")), ("auto", 5, 2)],
)
@settings(max_examples=10)
@given(row=st.integers(0, SIDE - 1), column=st.integers(0, SIDE - 1))
def test_nan_spoils_what_sees_it_and_with_winograd_its_tile(
    algorithm: str, taps: int, tile: int, row: int, column: int
) -> None:
    x, w = images(0, taps)
    x[0, 3, row, column] = np.nan
    with nn.use_backend("numba"):
        y = ops.conv2d(x, w, padding=taps // 2, algorithm=algorithm)[0]
    spoilt = np.isnan(y).any(axis=0)
    allowed = ~unseen(row, column, taps)
    assert spoilt[allowed].all()
    if algorithm in ("auto", "winograd"):
        tiles = allowed.reshape(SIDE // tile, tile, SIDE // tile, tile).any(axis=(1, 3))
        allowed = tiles.repeat(tile, axis=0).repeat(tile, axis=1)
    assert not spoilt[~allowed].any()


@given(
    seed=st.integers(0, 1000),
    taps=st.sampled_from([3, 5]),
    size=st.sampled_from([1e2, 1e4, 1e6, 1e30]),
    row=st.integers(0, SIDE - 1),
    column=st.integers(0, SIDE - 1),
)
def test_an_outlier_costs_what_the_docs_say(
    seed: int, taps: int, size: float, row: int, column: int
) -> None:
    x, w = images(seed, taps)
    x[0, 3, row, column] = size
    with nn.use_backend("numba"):
        exact = ops.conv2d(
            x.astype("float64"), w.astype("float64"), padding=taps // 2, algorithm="gemm"
        )
        for algorithm, cost in (("winograd", 2e-5 * size * abs(w).max()), ("gemm", 0.0)):
            y = ops.conv2d(x, w, padding=taps // 2, algorithm=algorithm)
            error = abs(y - exact)[..., unseen(row, column, taps)].max()
            assert error < 1e-4 + cost


def test_explain_says_it() -> None:
    model = nn.Sequential([nn.Conv2D(16, 3, "relu"), nn.Conv2D(16, 3), nn.Dense(2)], seed=0)
    with nn.use_backend("numba"):
        model.build((16, 12, 12))
        assert "outliers reach 4x4 tiles" in str(nn.explain(model))
