"""Every CUDA kernel under Numba's simulator against the reference, on blocks of a few threads.

Numba reads NUMBA_ENABLE_CUDASIM when it is imported, so `test_simulated.py` runs this in a process
of its own. The blocks are so small that images of a few pixels cross their edges.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba import config

from nnaccel.conformance.calls import CALLS
from nnaccel.conformance.comparing import HALVES, halved
from nnaccel.conformance.comparing import assert_same as assert_close
from nnaccel.conformance.image_calls import IMAGE_CALLS
from nnaccel_kernels import cuda, reference
from nnaccel_kernels.activations import ACTIVATIONS
from nnaccel_kernels.cuda.conv import gemm_weights, im2col, winograd
from nnaccel_kernels.cuda.runtime import launch, workspace
from nnaccel_kernels.cuda.skeletons import (
    channel_reduction,
    channel_sum,
    channelwise,
    disjoint_windows,
    elementwise,
    fixed_window,
    image,
    indexed,
    pooled,
    pooling,
    reduction,
    rows,
    tile,
)
from nnaccel_kernels.segments import Segment
from nnaccel_kernels.window import Window

Draw = Callable[..., Any]
Images = Callable[..., np.ndarray]

OWN = CALLS.keys() & set(dir(cuda.kernels))  # the others are plain on CUDA too
FLAT = OWN - set(IMAGE_CALLS)
few = settings(max_examples=12, deadline=None)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.ENABLE_CUDASIM, "run this through test_simulated.py"
    monkeypatch.setattr(channel_reduction, "_POSITIONS", 1)
    monkeypatch.setattr(channel_sum, "_ROWS", 1)
    monkeypatch.setattr(im2col, "CHUNK_BYTES", 1)
    monkeypatch.setattr(winograd, "_CHUNK_BYTES", 20_000)
    monkeypatch.setattr(channel_reduction, "_BLOCK_CHANNELS", 2)
    for module in (image, channel_reduction, indexed, rows, reduction):
        monkeypatch.setattr(module, "THREADS", 4)
    for module in (elementwise, channelwise, channel_sum, pooling, disjoint_windows):
        monkeypatch.setattr(module, "THREADS", 8)  # no fewer than neighbours that a thread takes
    monkeypatch.setattr(launch, "MAX_BLOCKS", 2)
    monkeypatch.setattr(pooled, "REACH", 60)  # of an image or two
    tiles = tile.Tile(8, 16, 4, 4, 4), tile.Tile(8, 8, 4, 4, 4)
    monkeypatch.setattr(tile, "TILES", {4: tiles, 8: tiles})
    monkeypatch.setattr(tile, "_MULTIPROCESSORS", 2)
    monkeypatch.setattr(gemm_weights, "MIN_POSITIONS", 8)
    monkeypatch.setattr(gemm_weights, "MAX_PARTS", 3)


@st.composite
def windows(draw: Draw, *, crop: bool = True) -> tuple[Window, int, int]:
    """A window, and the height and width of an image on which it has a position."""
    pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
    sides = st.integers(-1 if crop else 0, 2)
    padding = draw(st.tuples(sides, sides, sides, sides))
    window = Window(draw(pairs), draw(pairs), padding, draw(pairs))
    height, width = (
        max(1, extent - padding[2 * axis] - padding[2 * axis + 1]) + draw(st.integers(0, 3))
        for axis, extent in enumerate(window.extent)
    )
    return window, height, width


@st.composite
def images(draw: Draw) -> Images:
    """Draw normal numbers of one dtype, each image in a random memory order."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = draw(st.sampled_from([np.float32, np.float64]))

    def make(*shape: int) -> np.ndarray:
        a = rng.standard_normal(shape).astype(dtype)
        if len(shape) == 4 and draw(st.booleans()):
            return np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
        return a

    return make


def assert_same(function: str, *args: Any, out: list[np.ndarray], size: float = 1.0) -> None:
    """Call it with copies of `out` as its last arguments, in both places, and compare those.

    Rounding is relative to an element, or to `size` where that is larger.
    """
    results = []
    for package in (reference, cuda):
        filled = [np.copy(a, order="K") for a in out]
        own = [_own_algorithm(a, package) for a in args]
        getattr(package.kernels, function)(*own, *filled)
        results.append(filled)
    for want, got in zip(*results, strict=True):
        tolerance = 2e-5 if want.dtype == np.float32 else 1e-11
        np.testing.assert_allclose(got, want, tolerance, tolerance * size, err_msg=function)


def largest_sum(function: str, *args: Any, out: np.ndarray) -> float:
    """The largest sum of absolute products in a convolution or a gradient of it."""
    sums = np.copy(out)
    absolute = [np.abs(a) if isinstance(a, np.ndarray) else a for a in args]
    getattr(reference.kernels, function)(*absolute, sums)
    return float(sums.max(initial=1.0))


@pytest.mark.filterwarnings("ignore:overflow encountered")  # as unsigned integers do
@pytest.mark.parametrize("function", sorted(FLAT))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=4, deadline=None)
@given(rows=st.integers(0, 7), columns=st.integers(1, 9), seed=st.integers(0, 2**32 - 1))
@example(rows=0, columns=3, seed=0)
@example(rows=9, columns=1, seed=0)
def test_kernels_without_images(
    function: str, dtype: Any, rows: int, columns: int, seed: int
) -> None:
    args = CALLS[function](np.random.default_rng(seed), rows, columns, dtype)
    results = []
    for package in (reference, cuda):
        own = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in args.items()}
        getattr(package.kernels, function)(**own)
        results.append({k: v for k, v in own.items() if isinstance(v, np.ndarray)})
    assert_close(results[1], results[0], dtype)


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize("function", sorted(OWN))
@pytest.mark.parametrize("dtype", HALVES, ids=str)
@settings(max_examples=2, deadline=None)
@given(rows=st.integers(0, 1), columns=st.integers(1, 3), seed=st.integers(0, 2**32 - 1))
def test_16_bit_numbers(function: str, dtype: Any, rows: int, columns: int, seed: int) -> None:
    args = halved(CALLS[function](np.random.default_rng(seed), rows, columns, np.float32), dtype)
    results = []
    for package in (reference, cuda):
        own = {k: v.copy("K") if isinstance(v, np.ndarray) else v for k, v in args.items()}
        getattr(package.kernels, function)(**own)
        results.append({k: v for k, v in own.items() if isinstance(v, np.ndarray)})
    assert_close(results[1], results[0], dtype)


@pytest.mark.parametrize("first", [0, 1, 2, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_that_begin_anywhere(first: int, dtype: Any) -> None:
    """Only those at a multiple of 16 bytes are taken several elements at a time."""
    rng = np.random.default_rng(0)
    rate, cursor = np.array([0.1]), np.zeros(1, np.int64)
    for size in (1, 3, 8, 43):
        w, g, m = rng.standard_normal((3, size + 4)).astype(dtype)[:, first : first + size]
        want_w, want_m = w.copy(), m.copy()
        reference.kernels.momentum(
            want_w, g, want_m, 0.9, True, (Segment(0, w.size),), rate, cursor
        )
        cuda.kernels.momentum(w, g, m, 0.9, True, (Segment(0, w.size),), rate, cursor)
        np.testing.assert_allclose(w, want_w, 1e-5)
        np.testing.assert_allclose(m, want_m, 1e-5)
    x = rng.standard_normal(2 * 8 * 5 * 4 + 4).astype(dtype)[first : first + 320]
    for pixels in (x.reshape(2, 8, 5, 4), x.reshape(2, 5, 4, 8).transpose(0, 3, 1, 2)):
        assert_same("sum_channels", pixels, out=[np.zeros(8, dtype)])
        assert_same("copy", pixels, out=[np.empty_like(pixels)])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_gradients(name: str) -> None:
    rng = np.random.default_rng(0)
    x, dy, dx, wanted = rng.standard_normal((4, 3, 5))
    y = np.empty_like(x)
    reference.kernels.activate(name, 0.3, x, y)
    reference.kernels.activate_backward(name, 0.3, dy, x, y, wanted)
    cuda.kernels.activate_backward(name, 0.3, dy, x, y, dx)
    np.testing.assert_allclose(dx, wanted, 1e-12)


def _own_algorithm(arg: Any, kernels: Any) -> Any:
    """Replace algorithms that only the CUDA kernels have by the reference's default."""
    own = isinstance(arg, str) and arg in ("gemm", "winograd")
    return "auto" if kernels is reference and own else arg


@few
@given(windows(), images(), st.data())
def test_conv2d_and_its_gradients(
    sliding: tuple[Window, int, int], make: Images, data: st.DataObject
) -> None:
    window, height, width = sliding
    n, groups, c, k = (data.draw(st.integers(low, 2)) for low in (0, 1, 1, 1))
    x, w = make(n, groups * c, height, width), make(groups * k, c, *window.kernel_size).copy("C")
    y = make(n, groups * k, *window.output_size(height, width))
    b = make(groups * k) if data.draw(st.booleans()) else None
    name = data.draw(st.sampled_from(ACTIVATIONS))
    algorithm = data.draw(st.sampled_from(["gemm", "im2col", "direct"]))
    assert_same("conv2d", x, w, b, window, groups, name, 0.3, algorithm, out=[y])
    assert_same("conv2d_input_gradient", y, w, window, groups, algorithm, out=[x])
    assert_same("conv2d_weight_gradient", y, x, window, groups, algorithm, out=[w])


@pytest.mark.parametrize(("stride", "dilation"), [((2, 3), (3, 2)), ((1, 2), (2, 2))])
def test_products_larger_than_a_tile(stride: tuple[int, int], dilation: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    window = Window((3, 2), stride, (2, 1, 0, 3), dilation)
    x, w = rng.standard_normal((1, 6, 8, 6)), rng.standard_normal((10, 3, 3, 2))
    y = rng.standard_normal((1, 10, *window.output_size(8, 6)))
    assert_same("conv2d", x, w, w[:, 0, 0, 0], window, 2, "elu", 0.3, "gemm", out=[y])
    assert_same("conv2d_input_gradient", y, w, window, 2, "gemm", out=[x])
    assert_same("conv2d_weight_gradient", y, x, window, 2, "gemm", out=[w])


@few
@given(images(), st.tuples(*[st.integers(-1, 3)] * 4), st.data())
def test_winograds_convolution(
    make: Images, padding: tuple[int, int, int, int], data: st.DataObject
) -> None:
    window = Window((3, 3), padding=padding)
    n, c, k = (data.draw(st.integers(low, 3)) for low in (0, 1, 1))
    top, bottom, left, right = padding
    height, width = (
        data.draw(st.integers(max(1, 3 - before - after), 8))
        for before, after in ((top, bottom), (left, right))
    )
    x, w, b = make(n, c, height, width), make(k, c, 3, 3).copy("C"), make(k)
    y = make(n, k, *window.output_size(height, width))
    name = data.draw(st.sampled_from(ACTIVATIONS))
    assert_winograd("conv2d", x, w, b, window, 1, name, 0.3, out=y)
    assert_winograd("conv2d_input_gradient", y, w, window, 1, out=x)
    assert_winograd("conv2d_weight_gradient", y, x, window, 1, out=w)


def assert_winograd(function: str, *args: Any, out: np.ndarray) -> None:
    """Its transforms mix the pixels of a tile, so rounding follows the largest sum there is."""
    plain = ["linear" if isinstance(a, str) else a for a in args]
    size = largest_sum(function, *plain, "auto", out=out)
    assert_same(function, *args, "winograd", out=[out], size=size)


@few
@given(windows(), images(), st.integers(0, 3))
def test_im2col_and_col2im(sliding: tuple[Window, int, int], make: Images, n: int) -> None:
    window, height, width = sliding
    x = make(n, 2, height, width)
    rows, columns = window.output_size(height, width)
    cols = make(n, 2 * window.kernel_size[0] * window.kernel_size[1], rows * columns)
    assert_same("im2col", x, window, out=[cols])
    assert_same("col2im", cols, window, out=[x])


@few
@given(windows(crop=False), images(), st.integers(0, 3), st.booleans())
def test_max_pool2d(
    sliding: tuple[Window, int, int], make: Images, n: int, degenerate: bool
) -> None:
    window, height, width = sliding
    x, dy = make(n, 2, height, width), make(n, 2, *window.output_size(height, width))
    if degenerate:  # ties, infinities and NaN
        x = np.round(x)
        x[x > 1], x[x < -1] = np.nan, -np.inf
    y = np.empty_like(dy)
    reference.kernels.max_pool2d(x, window, y)
    assert_same("max_pool2d", x, window, out=[dy])
    assert_same("max_pool2d_backward", dy, x, y, window, out=[x])


@few
@given(windows(), images(), st.integers(0, 3), st.booleans())
def test_avg_pool2d(
    sliding: tuple[Window, int, int], make: Images, n: int, count_include_pad: bool
) -> None:
    window, height, width = sliding
    x, dy = make(n, 2, height, width), make(n, 2, *window.output_size(height, width))
    assert_same("avg_pool2d", x, window, count_include_pad, out=[dy])
    assert_same("avg_pool2d_backward", dy, window, count_include_pad, out=[x])


@pytest.mark.parametrize(("size", "stride"), [(2, 1), (2, 2), (3, 1), (3, 2), (3, 3)])
@pytest.mark.parametrize("padding", [(0, 0, 0, 0), (1, 0, 0, 1), (-1, 1, 1, -1)])
def test_fixed_windows(size: int, stride: int, padding: tuple[int, int, int, int]) -> None:
    window = Window((size, size), (stride, stride), padding)
    assert fixed_window.fixed_size(window) is not None
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 2, 6, 5)), rng.standard_normal((4, 1, size, size))
    rows, columns = window.output_size(6, 5)
    y, cols = rng.standard_normal((2, 2, rows, columns)), np.zeros((2, 2 * size**2, rows * columns))
    z = rng.standard_normal((2, 4, rows, columns))
    assert_same("im2col", x, window, out=[cols])
    assert_same("col2im", rng.standard_normal(cols.shape), window, out=[x])
    assert_same("conv2d", x, w, w[:, 0, 0, 0], window, 2, "tanh", 0.3, "direct", out=[z])
    assert_same("conv2d_input_gradient", z, w, window, 2, "direct", out=[x])
    assert_same("avg_pool2d", x, window, True, out=[y])
    assert_same("avg_pool2d_backward", y, window, False, out=[x])
    best = np.empty_like(y)
    reference.kernels.max_pool2d(x, window, best)
    assert_same("max_pool2d", x, window, out=[y])
    assert_same("max_pool2d_backward", y, x, best, window, out=[x])


@pytest.mark.parametrize("size", [(2, 2), (3, 2), (4, 4)])
def test_windows_side_by_side(size: tuple[int, int]) -> None:
    """Rows of images are read in vectors that hold several windows, or one."""
    window, rng = Window(size, size), np.random.default_rng(0)
    x = rng.standard_normal((2, 2, 5, 8)).round().astype(np.float32)
    y = rng.standard_normal((2, 2, *window.output_size(5, 8))).astype(np.float32)
    assert size[1] in {piece.variant.run for piece in pooled.in_pieces(window, (x,), (y,))}
    best = np.empty_like(y)
    reference.kernels.max_pool2d(x, window, best)
    assert_same("avg_pool2d", x, window, True, out=[y])
    assert_same("avg_pool2d_backward", y, window, True, out=[x])
    assert_same("max_pool2d", x, window, out=[y])
    assert_same("max_pool2d_backward", y, x, best, window, out=[x])


shapes = st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(1, 3), st.integers(1, 3))


@few
@given(shapes, images(), st.data())
def test_elementwise(shape: tuple[int, ...], make: Images, data: st.DataObject) -> None:
    x, channels = make(*shape), make(shape[1])
    assert_same("copy", x, out=[make(*shape)])
    assert_same("sum_channels", x, out=[channels])
    for name in ACTIVATIONS:
        y, b = x.copy("K"), data.draw(st.sampled_from([None, channels]))
        cuda.kernels.bias_activate(y, b, name, 0.3)
        want = x.copy("K")
        reference.kernels.bias_activate(want, b, name, 0.3)
        np.testing.assert_allclose(y, want, 2e-5, 2e-6, err_msg=name)
    top, bottom, left, right = padding = data.draw(st.tuples(*[st.integers(-1, 2)] * 4))
    height, width = shape[2] + top + bottom, shape[3] + left + right
    if height > 0 and width > 0:
        assert_same("pad2d", x, padding, out=[make(*shape[:2], height, width)])


@few
@given(shapes, images(), st.integers(0, 2), st.integers(0, 2))
def test_channels(shape: tuple[int, ...], make: Images, first: int, after: int) -> None:
    n, c, *size = shape
    total = first + c + after
    assert_same("put_channels", make(*shape), first, out=[make(n, total, *size)])
    assert_same("take_channels", make(n, total, *size), first, out=[make(*shape)])
    rows, whole = make(n, c), make(n, total)
    assert_same("put_channels", rows, first, out=[whole])
    assert_same("take_channels", whole, first, out=[rows])


@few
@given(shapes, images(), st.booleans())
def test_batch_norm(shape: tuple[int, ...], make: Images, training: bool) -> None:
    x, dy = make(*shape), make(*shape)
    gamma, beta, mean, running_mean = (make(shape[1]) for _ in range(4))
    running_var, inv_std = np.abs(make(shape[1])) + 1, np.abs(make(shape[1])) + 1
    results: list[list[np.ndarray]] = []
    for package in (reference, cuda):
        state = [a.copy() for a in (running_mean, running_var, mean, inv_std)]
        y, dx, dgamma, dbeta = (np.copy(a, order="K") for a in (dy, dy, gamma, beta))
        if training:
            package.kernels.batch_norm(x, gamma, beta, 1e-2, 0.9, *state, y)
        else:
            package.kernels.batch_norm_inference(x, gamma, beta, 1e-2, *state[:2], state[3], y)
        package.kernels.batch_norm_backward(
            dy, x, gamma, mean, inv_std, training, dx, dgamma, dbeta
        )
        results.append([*state, y, dx, dgamma, dbeta])
        package.kernels.batch_norm_backward(
            dy, x, gamma, mean, inv_std, training, None, dgamma, dbeta
        )
    tolerance = 1e-4 if x.dtype == np.float32 else 1e-11
    for want, got in zip(*results, strict=True):
        np.testing.assert_allclose(got, want, tolerance, tolerance)


def test_a_sum_is_the_same_every_time() -> None:
    rng = np.random.default_rng(0)
    window = Window((3, 3), padding=(1, 1, 1, 1))
    x, dy = (rng.standard_normal((2, c, 5, 4)).astype(np.float32) for c in (3, 2))
    first, again = np.empty((2, 2, 3, 3, 3), np.float32)
    for dw in (first, again):
        cuda.kernels.conv2d_weight_gradient(dy, x, window, 1, "gemm", dw)
    np.testing.assert_array_equal(first, again)


def test_a_device_short_of_memory_takes_smaller_chunks() -> None:
    requested: list[int] = []

    def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        requested.append(shape[0])
        if shape[0] > limit:
            raise MemoryError
        return np.empty(shape, dtype)

    xp, limit = SimpleNamespace(empty=empty), 3
    count, memory = workspace.allocate(xp, 20, (2, 2), np.float32)
    assert (count, memory.shape, requested) == (3, (3, 2, 2), [20, 10, 5, 3])
    limit = 0
    with pytest.raises(MemoryError):
        workspace.allocate(xp, 2, (2, 2), np.float32)


def test_plans_and_their_errors() -> None:
    shapes = "forward", (1, 4, 5, 5), (6, 2, 3, 3), Window((3, 3)), 2, 4
    with pytest.raises(ValueError, match="'winograd' is for 3x3 windows with stride 1"):
        cuda.kernels.conv2d_plan(*shapes, "winograd", 0)
    assert cuda.kernels.conv2d_plan(*shapes, "auto", 0, measure=True).algorithm == "gemm"
    depthwise = "forward", (1, 4, 5, 5), (8, 1, 3, 3), Window((3, 3)), 4, 4
    assert cuda.kernels.conv2d_plan(*depthwise, "auto", 0, measure=True).algorithm == "direct"
    many = "forward", (1, 16, 9, 9), (16, 16, 3, 3), Window((3, 3)), 1, 4
    assert cuda.kernels.conv2d_plan(*many, "auto", 1 << 20, measure=True).algorithm == "winograd"
    assert cuda.kernels.conv2d_plan(*many, "auto", 1 << 10, measure=True).algorithm == "gemm"
    assert cuda.kernels.conv2d_plan(*shapes, "im2col", 0).workspace == 2 * 9 * 9 * 4
