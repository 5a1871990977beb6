"""Sums over each channel of images, and biases.

Arrays are (pixels, C, 1), if channels-last, or (N, C, pixels). Loops over the former take a run of
pixels at a time, so that they are long even with few channels; numbers of each channel are repeated
along the run.
"""

from __future__ import annotations

import numpy as np

from nnaccel_kernels.activations import ACTIVATIONS
from nnaccel_kernels.cpu.activation import activate_span
from nnaccel_kernels.cpu.copy import by_channel
from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for
from nnaccel_kernels.cpu.runtime.workspace import scratch
from nnaccel_kernels.cpu.vector.runs import add_to, sum_in_double

__all__ = ["bias_activate", "sum_channels"]

_RUN = 512  # about the elements of a run
_MIN_RUNS = 8  # in a block
_MAX_BLOCKS = 64  # each with a sum of its own


def run_length(channels: int) -> int:
    """Elements in a run of pixels."""
    return channels * max(1, _RUN // channels)


def run_of(x: np.ndarray) -> int:
    """Elements of a run of x, or C if x is (N, C, pixels)."""
    return run_length(x.shape[1]) if x.shape[2] == 1 else x.shape[1]


def sums_of(x: np.ndarray, kinds: int = 1) -> np.ndarray:
    """An array (blocks, kinds, run) for sums over blocks of x.

    The number of blocks depends on the shape alone, so that no sum depends on the threads.
    """
    blocks = (
        max(1, min(_MAX_BLOCKS, x.size // (run_of(x) * _MIN_RUNS))) if x.shape[2] == 1 else len(x)
    )
    (sums,) = scratch(np.float64, (blocks, kinds, run_of(x)))
    return sums


@njit(nogil=True, inline="always")
def runs_of_block(x, length, block, blocks):  # type: ignore[no-untyped-def]
    """The elements of a block of runs of this length, as a slice."""
    runs = (x.size + length - 1) // length
    return x.reshape(-1)[runs * block // blocks * length : runs * (block + 1) // blocks * length]


@njit(nogil=True, inline="always")
def sums_of_channels(sums, kind, lo, hi, channels):  # type: ignore[no-untyped-def]
    """Sums of one kind for channels lo to hi, in the same order always, where the first were."""
    total = sums[0, kind, lo:hi]
    for block in range(sums.shape[0]):
        for start in range(0 if block else channels, sums.shape[2], channels):
            add_to(total, sums[block, kind, start + lo : start + hi])
    return total


@njit(nogil=True, cache=True)
def _add_runs(x, total):  # type: ignore[no-untyped-def]
    total[:] = 0
    for start in range(0, x.size, total.size):
        run = x[start : start + total.size]
        for i in range(run.size):
            total[i] += run[i]


@kernel
def _sums(rank, size, x, sums):  # type: ignore[no-untyped-def]
    blocks, _, length = sums.shape
    if x.shape[2] == 1:
        lo, hi = share(blocks, rank, size)
        for block in range(lo, hi):
            _add_runs(runs_of_block(x, length, block, blocks), sums[block, 0])
    else:
        lo, hi = share(blocks * length, rank, size)
        for plane in range(lo, hi):
            n, c = plane // length, plane % length
            sums[n, 0, c] = sum_in_double(x[n, c])


@kernel
def _add_up(rank, size, sums, total):  # type: ignore[no-untyped-def]
    lo, hi = share(total.size, rank, size)
    found = sums_of_channels(sums, 0, lo, hi, total.size)
    for c in range(lo, hi):
        total[c] = found[c - lo]


@kernel
def _repeat(rank, size, values, run):  # type: ignore[no-untyped-def]
    for i in range(run.size):
        run[i] = values[i % values.size]


@njit(nogil=True, inline="always")
def apply_epilogue_to_runs(y, b, code, alpha):  # type: ignore[no-untyped-def]
    """Add a run of biases, if any, to each run of y, and apply the activation."""
    if b.size:
        for start in range(0, y.size, b.size):
            run = y[start : start + b.size]
            add_to(run, b[: run.size])
    activate_span(code, alpha[0], y)


@kernel
def _bias_activate(rank, size, y, b, length, code, alpha):  # type: ignore[no-untyped-def]
    """y = f(y + b), for b a run of biases of this length, or empty."""
    channels = y.shape[1]
    if y.shape[2] == 1:
        mine = runs_of_block(y, length, rank, size)
        for start in range(0, mine.size, length):
            apply_epilogue_to_runs(mine[start : start + length], b, code, alpha)
    else:
        lo, hi = share(y.shape[0] * channels, rank, size)
        for plane in range(lo, hi):
            n, c = plane // channels, plane % channels
            pixels = y[n, c]
            if b.size:
                pixels += b[c]
            activate_span(code, alpha[0], pixels)


def sum_channels(dy: np.ndarray, db: np.ndarray) -> None:
    """db[k] = sum of dy over N, H and W: the gradient of a convolution in its bias."""
    (pixels,) = by_channel(dy)
    sums = sums_of(pixels)
    _sums(pixels, sums, width=threads_for(dy.size * 2.0))
    _add_up(sums, db)


def bias_activate(y: np.ndarray, b: np.ndarray | None, activation: str, alpha: float) -> None:
    """y = f(y + b) in place, b per channel or None, for the elementwise activation f."""
    (pixels,) = by_channel(y)
    length = run_of(pixels)
    run = np.empty(0, y.dtype) if b is None else repeated(b, length)
    rest = length, ACTIVATIONS.index(activation), np.array([alpha])
    _bias_activate(pixels, run, *rest, width=threads_for(y.size * 20.0))


def repeated(values: np.ndarray, length: int) -> np.ndarray:
    """Numbers of each channel, repeated along a run of this length."""
    run = np.empty(length, values.dtype)
    _repeat(values, run)
    return run
