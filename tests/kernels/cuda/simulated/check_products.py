"""Parts of the tiled products, under Numba's simulator or on the host."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numba import config

from nnaccel_kernels import cuda, reference
from nnaccel_kernels.cuda.conv import patches
from nnaccel_kernels.cuda.runtime.divide import divide, divisor
from nnaccel_kernels.cuda.runtime.tile_memory import vector_length
from nnaccel_kernels.cuda.skeletons import tile
from nnaccel_kernels.window import Window

LARGEST = (1 << 31) - 1


@given(index=st.integers(0, LARGEST), size=st.integers(0, LARGEST))
@example(index=LARGEST, size=1)
@example(index=LARGEST, size=LARGEST)
@example(index=LARGEST - 1, size=LARGEST)
@example(index=LARGEST, size=(1 << 30) + 1)
def test_division_by_multiplication(index: int, size: int) -> None:
    by = divisor(size)
    assert by.multiplier.dtype == np.uint32
    assert (index * int(by.multiplier)) >> (31 + int(by.shift)) == index // max(1, size)


def test_a_divisor_gives_quotient_and_remainder() -> None:
    assert config.ENABLE_CUDASIM
    assert divide(np.int32(47), divisor(7)) == (6, 5)


def test_large_products_take_large_tiles_and_few_sums_small_ones() -> None:
    large, *_, small = tile.TILES[4]
    assert tile.choose_tile(512, 1 << 16, 1, 4) == large
    assert tile.choose_tile(16, 64, 1, 4) == small


@pytest.mark.parametrize("itemsize", tile.TILES)
def test_every_thread_loads_and_every_element_is_loaded(itemsize: int) -> None:
    for each in tile.TILES[itemsize]:
        assert each.threads >= each.depth
        for lines in (each.rows, each.columns):
            assert lines * each.depth % (vector_length(itemsize) * each.threads) == 0


def test_images_too_large_for_32_bits_are_taken_in_pieces() -> None:
    image = np.broadcast_to(np.float32(0), (3, 4, 1 << 10, 1 << 10))
    assert patches.images_at_once(image) == LARGEST  # their strides are 0
    huge = np.lib.stride_tricks.as_strided(
        np.zeros(1, np.float32), (9, 1, 1, 1), (1 << 32, 4, 4, 4)
    )
    assert patches.images_at_once(huge) == 2
    single = np.lib.stride_tricks.as_strided(
        np.zeros(1, np.float32), (1, 1, 3, 1), (4, 4, 1 << 33, 4)
    )
    with pytest.raises(ValueError, match="use algorithm 'im2col'"):
        patches.images_at_once(single)


def test_pieces_of_a_batch_give_what_the_batch_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, window = np.random.default_rng(0), Window((2, 2), padding=(1, 0, 1, 0))
    x, w = rng.standard_normal((3, 2, 3, 3)), rng.standard_normal((2, 2, 2, 2))
    sums = []
    for package, algorithm in ((reference, "direct"), (cuda, "gemm")):
        y, dx, dw = np.zeros((3, 2, 3, 3)), np.zeros_like(x), np.zeros_like(w)
        monkeypatch.setattr(patches, "_MAX_OFFSET", 40)
        package.kernels.conv2d(x, w, None, window, 1, "relu", 0.0, algorithm, y)
        package.kernels.conv2d_input_gradient(x, w, window, 1, algorithm, dx)
        package.kernels.conv2d_weight_gradient(x, x, window, 1, algorithm, dw)
        sums.append((y, dx, dw))
    for want, got in zip(*sums, strict=True):
        np.testing.assert_allclose(got, want, 1e-12, 1e-12)


@pytest.mark.parametrize("channels", [2, 4])
def test_views_of_images(channels: int) -> None:
    """Reversed, shifted by a channel, or with gaps between pixels."""
    rng, window = np.random.default_rng(0), Window((1, 2))
    large = rng.standard_normal((2, 3, 6, 9), np.float32)
    w = rng.standard_normal((3, channels, 1, 2), np.float32)
    for view in (large[:, ::-1, ::-2], large[..., 1:], large[:, :, :, ::2]):
        x = view.transpose(0, 3, 1, 2)[:, :channels]
        y = np.zeros((2, 3, x.shape[2], x.shape[3] - 1), np.float32)
        want = np.zeros_like(y)
        cuda.kernels.conv2d(x, w, None, window, 1, "linear", 0.0, "gemm", y)
        reference.kernels.conv2d(x, w, None, window, 1, "linear", 0.0, "direct", want)
        np.testing.assert_allclose(y, want, 1e-5, 1e-5)
