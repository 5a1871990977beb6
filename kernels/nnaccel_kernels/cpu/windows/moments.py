"""Sums over each channel for batch normalisation, in double precision.

`sums` is (blocks, 2, run), as `sums_of` in `channels.py` makes it.
"""

from __future__ import annotations

import numpy as np

from nnaccel_kernels.cpu.channels import runs_of_block
from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share
from nnaccel_kernels.cpu.vector.runs import in_lanes


@njit(nogil=True, cache=True)
def _runs(x, origin, first, second):  # type: ignore[no-untyped-def]
    first[:] = 0
    second[:] = 0
    length = first.size
    whole = x.size // (4 * length) * 4 * length
    for start in range(0, whole, 4 * length):  # four runs at a time: fewer loads of the sums
        runs = x[start : start + 4 * length].reshape(4, length)
        a, b, c, d = runs[0], runs[1], runs[2], runs[3]
        for i in range(length):
            p, q = np.float64(a[i] - origin[i]), np.float64(b[i] - origin[i])
            r, s = np.float64(c[i] - origin[i]), np.float64(d[i] - origin[i])
            first[i] += (p + q) + (r + s)
            second[i] += (p * p + q * q) + (r * r + s * s)
    for start in range(whole, x.size, length):
        run = x[start : start + length]
        for i in range(run.size):
            p = np.float64(run[i] - origin[i])
            first[i] += p
            second[i] += p * p


@in_lanes
def _pixels(x, origin):  # type: ignore[no-untyped-def]
    first, second = 0.0, 0.0
    for i in range(x.size):
        d = np.float64(x[i]) - np.float64(origin)
        first += d
        second += d * d
    return first, second


@kernel
def moments(rank, size, x, origin, sums):  # type: ignore[no-untyped-def]
    """Sums of x - origin, and of its square."""
    blocks, _, length = sums.shape
    if x.shape[2] == 1:
        lo, hi = share(blocks, rank, size)
        for block in range(lo, hi):
            some = runs_of_block(x, length, block, blocks)
            _runs(some, origin, sums[block, 0], sums[block, 1])
    else:
        lo, hi = share(blocks * length, rank, size)
        for plane in range(lo, hi):
            n, c = plane // length, plane % length
            sums[n, 0, c], sums[n, 1, c] = _pixels(x[n, c], origin[c])


@njit(nogil=True, cache=True)
def _runs_of_products(dy, x, mean, first, second):  # type: ignore[no-untyped-def]
    first[:] = 0
    second[:] = 0
    for start in range(0, x.size, first.size):
        run, gradient = x[start : start + first.size], dy[start : start + first.size]
        for i in range(run.size):
            g = np.float64(gradient[i])
            first[i] += g
            second[i] += g * (run[i] - mean[i])


@in_lanes
def _products_of_pixels(dy, x, mean):  # type: ignore[no-untyped-def]
    first, second = 0.0, 0.0
    for i in range(x.size):
        g = np.float64(dy[i])
        first += g
        second += g * (x[i] - mean)
    return first, second


@kernel
def products(rank, size, dy, x, mean, sums):  # type: ignore[no-untyped-def]
    """Sums of dy, and of dy * (x - mean)."""
    blocks, _, length = sums.shape
    if x.shape[2] == 1:
        lo, hi = share(blocks, rank, size)
        for block in range(lo, hi):
            gradient = runs_of_block(dy, length, block, blocks)
            some = runs_of_block(x, length, block, blocks)
            _runs_of_products(gradient, some, mean, sums[block, 0], sums[block, 1])
    else:
        lo, hi = share(blocks * length, rank, size)
        for plane in range(lo, hi):
            n, c = plane // length, plane % length
            sums[n, 0, c], sums[n, 1, c] = _products_of_pixels(dy[n, c], x[n, c], mean[c])
