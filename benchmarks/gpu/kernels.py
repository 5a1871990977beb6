"""Kernels that only move memory, beside a copy on the device."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import nnaccel as nn
from benchmarks.gpu.report import COPY, OURS, Benchmark, Row
from benchmarks.gpu.timing import cupy_clock, medians, require_close, timed
from nnaccel.backends._backend import loop
from nnaccel_kernels.segments import Segment

IMAGES = 256, 64, 56, 56  # 206 MB: several times a large GPU's cache
PARAMETERS = 1 << 26
_BETAS, _EPSILON = (0.9, 0.999), 1e-7
_CHECKED = 100_000  # parameters


class Case(NamedTuple):
    """A kernel's work.

    Attributes
    ----------
    work : str
    run : callable
        Returns the array it has written, of which the first `len(wanted)` are compared.
    bytes : int
        Read and written, each once.
    wanted : array
        In float64.
    """

    work: str
    run: Callable[[], Any]
    bytes: int
    wanted: Any


def benchmarks() -> dict[str, Benchmark]:
    """One for each kernel."""
    cases: dict[str, Callable[[], Case]] = {
        "copy": partial(copy, IMAGES),
        "im2col": partial(im2col, IMAGES),
        "max_pool2d": partial(max_pool2d, IMAGES),
        "adam": partial(adam, PARAMETERS),
    }
    return {name: partial(rate, case) for name, case in cases.items()}


def numbers(*shape: int) -> Any:
    """Normal numbers in float32 on the host; they repeat, at no regular place."""
    return np.resize(np.random.default_rng(0).standard_normal(1_000_003, np.float32), shape)


def copy(shape: tuple[int, ...]) -> Case:
    """Copy images."""
    host = numbers(*shape)
    x = nn.asarray(host)
    y = nn.get_namespace(x).empty(x.shape, x.dtype)

    def run() -> Any:
        nn.get_backend().kernels.copy(x, y)
        return y

    return Case(f"copy {_size(shape)}", run, 2 * x.nbytes, host[:1])


def im2col(shape: tuple[int, ...]) -> Case:
    """The columns of 3x3 windows: each pixel counts as read once."""
    host = numbers(*shape)
    x = nn.asarray(host)
    with nn.use_backend("numpy"):
        wanted = nn.ops.im2col(host[:1].astype(np.float64), 3, padding=1)
    moved = x.nbytes + len(host) * wanted[0].size * x.dtype.itemsize
    return Case(f"im2col 3x3 {_size(shape)}", lambda: nn.ops.im2col(x, 3, padding=1), moved, wanted)


def max_pool2d(shape: tuple[int, ...]) -> Case:
    """The largest of 2x2 pixels."""
    host = numbers(*shape)
    x = nn.asarray(host)
    with nn.use_backend("numpy"):
        wanted = nn.ops.max_pool2d(host[:1].astype(np.float64), 2)
    moved = x.nbytes + len(host) * wanted[0].size * x.dtype.itemsize
    return Case(f"max_pool2d 2x2 {_size(shape)}", lambda: nn.ops.max_pool2d(x, 2), moved, wanted)


def adam(size: int) -> Case:
    """A step of Adam: weights, gradients and both means are read, all but gradients written."""
    host = [numbers(size) for _ in range(4)]
    host[1] = host[1][::-1].copy()  # a gradient unlike its mean
    host[3] = np.abs(host[3])  # a mean of squares

    def step(w: Any, g: Any, m: Any, v: Any) -> Any:
        # A rate of 1, for the step to be seen beside the weights.
        rate, batch, steps = map(nn.asarray, (np.ones(1), *np.zeros((2, 1), np.int64)))
        kernels, whole = nn.get_backend().kernels, (Segment(0, w.size),)

        def run() -> Any:
            kernels.adam(w, g, m, v, *_BETAS, _EPSILON, 0.0, whole, rate, batch, steps)
            return w

        return run

    with nn.use_backend("numpy"):
        wanted = step(*(a[:_CHECKED].astype(np.float64) for a in host))()
    arrays = [nn.asarray(a) for a in host]
    return Case(f"adam {size:,} parameters", step(*arrays), 7 * arrays[0].nbytes, wanted)


def rate(make: Callable[[], Case]) -> list[Row]:
    """GB/s of a kernel and, in turns with it, of a copy on the device."""
    with nn.use_backend("cupy") as backend:
        case = make()
        got = nn.to_numpy(case.run()[: len(case.wanted)])
        errors = {"float64 NumPy": require_close(case.work, got, case.wanted)}
        source, target = (backend.empty(IMAGES, np.float32) for _ in range(2))
        source[...] = 1

        def move() -> None:
            target.data.copy_from_device_async(source.data, source.nbytes)

        ms = medians(
            {
                OURS: timed(backend.record(case.run), cupy_clock),
                COPY: timed(loop(move), cupy_clock),
            }
        )
    moved = {OURS: case.bytes, COPY: 2 * source.nbytes}
    return [Row(case.work, "GB/s", {who: moved[who] / ms[who] / 1e6 for who in ms}, errors)]


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
