"""Sums over all pixels of a channel."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.launch import THREADS, blocks, launch, named, power_of_two
from nnaccel_kernels.cuda.runtime.namespace import namespace_of
from nnaccel_kernels.cuda.skeletons.image import PixelKernel
from nnaccel_kernels.half import wide

_BLOCK_CHANNELS = 32  # at most, of channels-last images
_MAX_PARTS = 512  # partial sums of a channel
_POSITIONS = 16  # a thread, at least


class ChannelReduction:
    """Sets total[c, t] = sum of term(c, t, n, i, j, a, args) over n, i, j, for a function `term`.

    n, i and j run over the images `a`. Neighbouring threads read neighbours in memory: positions,
    or channels in channels-last images. Many positions are summed in parts; the order is fixed, so
    a result is the same every time.
    """

    def __init__(self, term: Any) -> None:
        self.name = term.__name__.strip("_")
        self.kernel = cache(lambda threads: _compile(self.name, device(term), threads))

    def __call__(self, total: Any, a: Any, *args: Any) -> None:
        """Fill total (C, T); the term gets `args` as a tuple."""
        channels, terms = total.shape
        channels_last = a.strides[1] == a.itemsize
        width = power_of_two(channels, min(_BLOCK_CHANNELS, THREADS)) if channels_last else 1
        positions = a.shape[0] * a.shape[2] * a.shape[3]
        parts = max(1, min(blocks(positions, THREADS // width * _POSITIONS), _MAX_PARTS))
        shape = parts, channels, terms
        empty = namespace_of(a).empty
        sums = total.reshape(shape) if parts == 1 else empty(shape, wide(a.dtype))
        grid = blocks(channels, width) * terms, parts
        launch(self.kernel(THREADS), grid, (THREADS,), width, sums, a, args)
        if parts > 1:
            sum_parts(total.reshape(1, channels, 1, terms), sums)


@PixelKernel
def sum_parts(n, c, i, t, args):  # type: ignore[no-untyped-def]
    """y[0, c, 0, t] = sum of parts[:, c, t]."""
    parts = args[0]
    total = parts.dtype.type(0)
    for part in range(parts.shape[0]):
        total += parts[part, c, t]
    return total


@device
def _advance(n, i, j, n_step, i_step, j_step, height, width):  # type: ignore[no-untyped-def]
    """Image, row and column after a step, without a division."""
    n, i, j = n + n_step, i + i_step, j + j_step
    if j >= width:
        i, j = i + 1, j - width
    return (n + 1, i - height, j) if i >= height else (n, i, j)


def _compile(name: str, term: Any, threads: int) -> Any:
    def kernel(block_channels, total, a, args):  # type: ignore[no-untyped-def]
        images, _, height, width = a.shape
        thread, part = cuda.threadIdx.x, cuda.blockIdx.y
        group = cuda.blockIdx.x // total.shape[2]
        t = cuda.blockIdx.x - group * total.shape[2]
        lane, lanes = thread // block_channels, threads // block_channels
        c = group * block_channels + thread - lane * block_channels
        # A thread's first position and its step as (n, i, j): the loops divide no more.
        q, step = part * lanes + lane, cuda.gridDim.y * lanes
        i, i_step = q // width, step // width
        j, j_step = q - i * width, step - i_step * width
        n, n_step = i // height, i_step // height
        i, i_step = i - n * height, i_step - n_step * height
        positions = images * height * width if c < total.shape[1] else 0
        value = a.dtype.type(0)
        while q + 3 * step < positions:
            # Four at a time: all loads are issued before the first addition.
            n1, i1, j1 = _advance(n, i, j, n_step, i_step, j_step, height, width)
            n2, i2, j2 = _advance(n1, i1, j1, n_step, i_step, j_step, height, width)
            n3, i3, j3 = _advance(n2, i2, j2, n_step, i_step, j_step, height, width)
            v, v1 = term(c, t, n, i, j, a, args), term(c, t, n1, i1, j1, a, args)
            v2, v3 = term(c, t, n2, i2, j2, a, args), term(c, t, n3, i3, j3, a, args)
            value += (v + v1) + (v2 + v3)
            q += 4 * step
            n, i, j = _advance(n3, i3, j3, n_step, i_step, j_step, height, width)
        while q < positions:
            value += term(c, t, n, i, j, a, args)
            q += step
            n, i, j = _advance(n, i, j, n_step, i_step, j_step, height, width)
        sums = cuda.shared.array(threads, a.dtype)
        sums[thread] = value
        cuda.syncthreads()
        half = lanes // 2
        while half > 0:
            if lane < half:
                sums[thread] += sums[thread + half * block_channels]
            cuda.syncthreads()
            half //= 2
        if lane == 0 and c < total.shape[1]:
            total[part, c, t] = sums[thread]

    return named(name, kernel)
