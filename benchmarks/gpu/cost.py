"""What the hot CUDA kernels must cost at least, and what they take of a multiprocessor; no GPU.

Each work is told by the bytes that it must read and write once and by its operations; the larger
of the two times is the floor. Registers, spills and shared memory are read from code compiled for
sm_90. Activations are of float32 or of 16 bits; parameters, losses and sums of float32 always, and
so is what kernels compute in. Nothing here was run on a GPU. Wants what `ptx.py` wants.
"""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import _results
from benchmarks.gpu import ptx
from nnaccel.bench.shapes import parse
from nnaccel_kernels.segments import Segment
from nnaccel_kernels.window import Window

SM = "sm_90"
BYTES_PER_SECOND, FLOP_PER_SECOND = 4.3e12, 67e12  # copy bandwidth and float32 of an H200
PROCESSORS, THREADS, REGISTERS, SHARED = 132, 2048, 65_536, 233_472  # of such a device, and of one
F = np.float32
DTYPES = ("float32", *ptx.HALVES)  # of activations


class Work(NamedTuple):
    """A call of a kernel function, with the least that it has to move and to compute."""

    name: str
    function: str
    args: tuple[Any, ...]
    bytes: int
    flop: int = 0


def perceptron(dtype: str, rows: int = 128) -> Iterator[Work]:
    """What a step of the 784-100-10 network launches beside cuBLAS's products."""
    count, one = 784 * 100 + 100 + 100 * 10 + 10, np.zeros(1)
    pixels, order = np.empty((60_000, 784), np.uint8), np.empty(60_000, np.int64)
    now, labels = np.zeros(1, np.int64), np.empty(60_000, np.int64)
    x, hidden = (np.empty((rows, n), dtype) for n in (784, 100))
    place, rates, logits = (order, now, rows), np.empty(469), np.empty((rows, 10), F)
    w, losses = np.empty(count, F), np.empty(rows, F)
    image, b = hidden.reshape(rows, 100, 1, 1), np.empty(100, F)
    yield Work("batch", "gather_rows", (pixels, *place, 1 / 255, x), x.size + x.nbytes)
    yield Work("labels", "gather_one_hot", (labels, *place, logits), logits.nbytes + rows * 16)
    relu = "relu", 0.0
    yield Work("bias, ReLU", "bias_activate", (image, b, *relu), 2 * hidden.nbytes)
    ends = logits, logits, losses, logits
    yield Work("loss", "softmax_cross_entropy", ends, 3 * logits.nbytes)
    yield Work("sum of losses", "add_sum", (losses, one), losses.nbytes)
    back = *relu, hidden, hidden, hidden, hidden
    yield Work("ReLU backward", "activate_backward", back, 3 * hidden.nbytes)
    yield Work("bias gradient", "sum_channels", (image, b), hidden.nbytes)
    yield Work("SGD", "sgd", (w, w, (Segment(0, w.size),), rates, now), 3 * w.nbytes)
    yield Work("counters", "finish_step", (rates, now, now), 40)
    if dtype in ptx.HALVES:
        yield from roundings(np.empty((784, 100), F), hidden)
    if dtype == "float16":
        scale = np.empty(2)
        yield Work("loss scale", "scale_gradient", (logits, scale), 2 * logits.nbytes)
        scaled = w, scale, np.zeros(1)
        yield Work("scale taken back", "unscale_gradients", scaled, 2 * w.nbytes)


def roundings(w: Any, hidden: Any) -> Iterator[Work]:
    """What mixed precision launches to go to 16 bits, and back for the last layer."""
    half_w, wide = np.empty(w.shape, hidden.dtype), np.empty(hidden.shape, F)
    plain, both = ("linear", 0.0), hidden.nbytes + wide.nbytes
    yield Work("weights, rounded", "activate", (*plain, w, half_w), w.nbytes + half_w.nbytes)
    yield Work("last layer's input, widened", "activate", (*plain, hidden, wide), both)
    yield Work("its gradient, rounded", "activate", (*plain, wide, hidden), both)


def large(dtype: str) -> Iterator[Work]:
    """Kernels that move memory, at sizes that fill the device."""
    x = _image(dtype, 256, 64, 56, 56)
    half, c = _image(dtype, 256, 64, 28, 28), np.empty(64, F)
    cols, window = np.empty((64, 64 * 9, 56 * 56), dtype), Window((3, 3), padding=(1, 1, 1, 1))
    some, pool = x[:64], Window((2, 2), (2, 2))
    w, now = np.empty(25_000_000, F), np.zeros(1, np.int64)
    yield Work("copy", "copy", (x, x), 2 * x.nbytes)
    yield Work("im2col 3x3", "im2col", (some, window, cols), some.nbytes + cols.nbytes)
    yield Work("max pooling", "max_pool2d", (x, pool, half), x.nbytes + half.nbytes)
    yield Work(
        "max pooling backward",
        "max_pool2d_backward",
        (half, x, half, pool, x),
        2 * x.nbytes + 2 * half.nbytes,
    )
    yield Work("sum of channels", "sum_channels", (x, c), x.nbytes)
    adam = w, w, w, w, 0.9, 0.999, 1e-7, 0.0, (Segment(0, w.size),), np.empty(9), now, now
    yield Work("Adam, 25 million", "adam", adam, 7 * w.nbytes)


def convolutions(dtype: str) -> Iterator[Work]:
    """The three products of a convolution at 256 images, without a GPU's im2col."""
    for sizes in ("256x32x26x26-k64-3x3-s1-p0", "256x64x56x56-k64-3x3-s1-p1"):
        shape = parse(sizes)
        x, y = _image(dtype, *shape.image), _image(dtype, *shape.output_shape)
        w, window = np.empty(shape.weight_shape, F), Window((3, 3), padding=(shape.padding,) * 4)
        least, flop = x.nbytes + y.nbytes + w.nbytes, shape.flops
        ends = None, window, 1, "relu", 0.0, "gemm", y
        yield Work(f"{sizes} forward", "conv2d", (x, w, *ends), least, flop)
        back = y, w, window, 1, "gemm", x
        yield Work(f"{sizes} input", "conv2d_input_gradient", back, least, flop)
        grad = y, x, window, 1, "gemm", w
        yield Work(f"{sizes} weights", "conv2d_weight_gradient", grad, least, flop)
    yield from winograd(x, w, window, y, flop // 4)


def winograd(x: Any, w: Any, window: Window, y: Any, flop: int) -> Iterator[Work]:
    """Some images' tiles, which go to memory and back between the transforms and the products."""
    some, name = 16, "Winograd, 16 of those images"
    x, y, flop = x[:some], y[:some], flop * some // len(x)
    tiles = 36 * 4 * some * 14 * 14 * (x.shape[1] + y.shape[1])  # bytes, of 56x56
    least = x.nbytes + y.nbytes + w.nbytes + 2 * tiles
    ends = None, window, 1, "relu", 0.0, "winograd", y
    yield Work(f"{name} forward", "conv2d", (x, w, *ends), least, flop)
    grad = y, x, window, 1, "winograd", w
    yield Work(f"{name} weights", "conv2d_weight_gradient", grad, least, flop)


def _image(dtype: str, n: int, c: int, height: int, width: int) -> np.ndarray:
    """Channels-last, as layers hand images on; never touched."""
    return np.empty((n, height, width, c), dtype).transpose(0, 3, 1, 2)


def resident(registers: int, shared: int, threads: int) -> int:
    """How many blocks a multiprocessor holds at a time."""
    by_registers = REGISTERS // (-(-registers // 8) * 8 * threads)
    return min(by_registers, THREADS // threads, SHARED // (shared + 1024), 32)


def works(dtype: str) -> Iterator[Work]:
    """All of them, with activations of some dtype."""
    yield from perceptron(dtype)
    yield from large(dtype)
    yield from convolutions(dtype)


def rows(toolkit: ptx.Toolkit) -> Iterator[dict[str, Any]]:
    """A row for every kernel of every work, in every dtype of activations."""
    launched: list[tuple[Any, Any, Any, Any]] = []
    kernels = ptx.watch(lambda kernel, grid, block, *a: launched.append((kernel, grid, block, a)))
    for dtype in DTYPES:
        for work in works(dtype):
            launched.clear()
            getattr(kernels, work.function)(*work.args)
            for kernel, grid, block, args in launched:
                taken = ptx.resources(toolkit, kernel, args, SM)
                yield {
                    "work": work.name,
                    "dtype": dtype,
                    "kernel": kernel.py_func.__name__,
                    **{name: taken[name] for name in ("registers", "spilled", "shared")},
                    **filling(taken, math.prod(grid), math.prod(block)),
                    **floor(work),
                    "run_on_a_gpu": False,
                }


def filling(taken: dict[str, Any], blocks: int, threads: int) -> dict[str, Any]:
    """How far a launch of so many blocks of threads fills the device."""
    held = resident(taken["registers"], taken["shared"], threads)
    return {
        "blocks": blocks,
        "threads": threads,
        "occupancy": round(held * threads / THREADS, 2),
        "waves": round(blocks / (held * PROCESSORS), 2),
    }


def floor(work: Work) -> dict[str, Any]:
    """The time that a work cannot go below, and why."""
    memory, arithmetic = work.bytes / BYTES_PER_SECOND, work.flop / FLOP_PER_SECOND
    return {
        "bytes": work.bytes,
        "flop": work.flop,
        "floor_us": round(max(memory, arithmetic) * 1e6, 2),
        "bound_by": "memory" if memory >= arithmetic else "arithmetic",
    }


def main() -> None:
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        found = list(rows(ptx.Toolkit(Path(folder))))
    shown = [name for name in found[0] if name not in ("bytes", "flop", "run_on_a_gpu")]
    table = [shown, *([str(row[name]) for name in shown] for row in found)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)))
    limits = {"bytes_per_second": BYTES_PER_SECOND, "flop_per_second": FLOP_PER_SECOND}
    content = _results.provenance() | {"sm": SM, "limits": limits, "rows": found}
    print(_results.write("gpu_cost.json", content))


if __name__ == "__main__":
    main()
