"""Convolutions by tiled products, each tile of its own, compiled for sm_90 and emulated.

`check_kernels.py` has them with the tile that their sizes get. The images are few and small: a
block's tile is larger than they are, and the filters are more than a tile takes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnaccel.conformance.comparing import HALVES
from nnaccel_kernels import cuda, reference
from nnaccel_kernels.cuda.conv import gemm_weights
from nnaccel_kernels.cuda.runtime import cublas, tensor_cores
from nnaccel_kernels.cuda.skeletons import tensor, tile, tiled
from nnaccel_kernels.window import Window

from .conftest import CC, images

HALF_OF_LAST_BIT = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-10}  # as factors


def assert_convolutions(
    dtype: Any,
    channels: int,
    channels_last: bool,
    tolerance: float,
    groups: int = 1,
    activation: str = "gelu",
) -> None:
    """Compare a convolution and its gradients, relative to the largest element.

    A linear one has no bias: it is by the same kernel as the gradient of images.
    """
    rng, window = np.random.default_rng(0), Window((2, 3), (1, 2), (1, 0, 1, 2), (1, 1))
    filters = 80 if groups > 1 else 72
    x = images(rng, 2, channels * groups, 7, 9, dtype=dtype, channels_last=channels_last)
    shape = 2, filters, *window.output_size(7, 9)
    y = images(rng, *shape, dtype=dtype, channels_last=channels_last)
    scale = 1 / np.sqrt(6 * channels)
    w = (rng.standard_normal((filters, channels, 2, 3)) * scale).astype(np.float32)
    b = None if activation == "linear" else rng.standard_normal(filters).astype(np.float32)
    found = []
    for package, algorithm in ((reference, "direct"), (cuda, "gemm")):
        out, dx, dw = (np.zeros_like(a) for a in (y, x, w))
        package.kernels.conv2d(x, w, b, window, groups, activation, 0.0, algorithm, out)
        package.kernels.conv2d_input_gradient(y, w, window, groups, algorithm, dx)
        package.kernels.conv2d_weight_gradient(y, x, window, groups, algorithm, dw)
        found.append([a.astype(np.float64) for a in (out, dx, dw)])
    for want, got in zip(*found, strict=True):
        np.testing.assert_allclose(got, want, 0, tolerance * np.abs(want).max(initial=1e-30))


@pytest.mark.parametrize(
    ("channels_last", "each"),
    [(last, each) for last in (True, False) for each in tile.TILES[4][: 2 + last]],
    ids=lambda value: f"{value.rows}x{value.columns}" if isinstance(value, tile.Tile) else None,
)
def test_every_tile(monkeypatch: pytest.MonkeyPatch, channels_last: bool, each: tile.Tile) -> None:
    """`check_kernels.py` has the smallest one for images that are not channels-last."""
    monkeypatch.setattr(tiled, "choose_tile", lambda *_: each)
    monkeypatch.setattr(gemm_weights, "MIN_POSITIONS", 64)
    assert_convolutions(np.float32, 8, channels_last, 2e-6, activation="linear")


@pytest.mark.parametrize(
    ("dtype", "each"), list(zip([*HALVES, np.dtype(np.float32)], tensor.TENSOR_TILES, strict=True))
)
def test_tensor_cores(
    monkeypatch: pytest.MonkeyPatch,
    launches: list[Any],
    dtype: Any,
    each: tensor.TensorTile,
) -> None:
    """Channels that make whole pieces, and others that are filled up, by the same kernels."""
    monkeypatch.setattr(tensor_cores, "compute_capability", lambda: CC)
    monkeypatch.setattr(tensor, "fastest", lambda *_: each)
    monkeypatch.setitem(cublas._settings, "tf32", True)
    monkeypatch.setattr(gemm_weights, "MIN_POSITIONS", 40)
    for channels, groups in ((16, 2), (5, 1)):
        launches.clear()
        tolerance = 4 * HALF_OF_LAST_BIT[dtype.name]
        assert_convolutions(dtype, channels, True, tolerance, groups)
        products = [ptx for ptx in launches if "mma.sync" in ptx]
        assert len(products) == 4, "a convolution, two phases of an input gradient, a weight's"


def test_devices_without_tensor_cores_of_the_kind_use_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tensor_cores, "compute_capability", lambda: (7, 5))
    assert not tensor_cores.suits_tensor_cores(np.dtype(np.float16))
    monkeypatch.setattr(tensor_cores, "compute_capability", lambda: (8, 0))
    assert tensor_cores.suits_tensor_cores(np.dtype(np.float16))
    monkeypatch.setitem(cublas._settings, "tf32", False)
    assert not tensor_cores.suits_tensor_cores(np.dtype(np.float32))
    assert not tensor_cores.suits_tensor_cores(np.dtype(np.float64))
