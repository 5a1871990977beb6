"""Sums over all pixels of a channel; the bias and its gradient."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import cuda

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.cuda.runtime.launch import THREADS, blocks, launch, named, power_of_two, scalar
from nnaccel_kernels.cuda.runtime.namespace import namespace_of
from nnaccel_kernels.cuda.skeletons.activations import activation as activation_of
from nnaccel_kernels.cuda.skeletons.image import Fill, Stream
from nnaccel_kernels.half import wide

__all__ = ["bias_activate", "sum_channels"]

_TOGETHER = 32  # channels that neighbouring threads add up, where those come last


_MOST_PARTS = 512  # in which the positions of a sum are added up
_EACH = 16  # positions that a thread should have


class Sum:
    """Sets total[c, t] = sum over n, i, j of term(c, t, n, i, j, a, args), for `term` a function.

    n, i and j run over `a`. Neighbouring threads have neighbours in memory: positions, or channels
    where those come last. Always added up in the same order, in parts if there are many positions.
    """

    def __init__(self, term: Any) -> None:
        self.name = term.__name__.strip("_")
        self.kernel = cache(lambda threads: _compile(self.name, device(term), threads))

    def __call__(self, total: Any, a: Any, *args: Any) -> None:
        """Fill total (C, T); `args` is handed on as a tuple."""
        channels, terms = total.shape
        last = a.strides[1] == a.itemsize
        across = power_of_two(channels, min(_TOGETHER, THREADS)) if last else 1
        positions = a.shape[0] * a.shape[2] * a.shape[3]
        each = THREADS // across * _EACH
        parts = max(1, min(blocks(positions, each), _MOST_PARTS))
        shape = parts, channels, terms
        room = namespace_of(a).empty
        found = total.reshape(shape) if parts == 1 else room(shape, wide(a.dtype))
        grid = blocks(channels, across) * terms, parts
        launch(self.kernel(THREADS), grid, (THREADS,), across, found, a, args)
        if parts > 1:
            sum_parts(total.reshape(1, channels, 1, terms), found)


@Fill
def sum_parts(n, c, i, t, args):  # type: ignore[no-untyped-def]
    """y[0, c, 0, t] = the sum of parts[:, c, t]."""
    parts = args[0]
    total = parts.dtype.type(0)
    for part in range(parts.shape[0]):
        total += parts[part, c, t]
    return total


@device
def onward(n, i, j, n_step, i_step, j_step, height, width):  # type: ignore[no-untyped-def]
    """Image, row and column after a step, without a division."""
    n, i, j = n + n_step, i + i_step, j + j_step
    if j >= width:
        i, j = i + 1, j - width
    return (n + 1, i - height, j) if i >= height else (n, i, j)


def _compile(name: str, term: Any, threads: int) -> Any:
    def kernel(across, total, a, args):  # type: ignore[no-untyped-def]
        images, _, height, width = a.shape
        rank, part = cuda.threadIdx.x, cuda.blockIdx.y
        group = cuda.blockIdx.x // total.shape[2]
        t = cuda.blockIdx.x - group * total.shape[2]
        lane, lanes = rank // across, threads // across
        c = group * across + rank - lane * across
        # Where a thread begins, and how far it goes each time: no division from then on.
        q, step = part * lanes + lane, cuda.gridDim.y * lanes
        i, i_step = q // width, step // width
        j, j_step = q - i * width, step - i_step * width
        n, n_step = i // height, i_step // height
        i, i_step = i - n * height, i_step - n_step * height
        positions = images * height * width if c < total.shape[1] else 0
        mine = a.dtype.type(0)
        while q + 3 * step < positions:
            # Four at a time: their loads are all on their way before the first is added.
            n1, i1, j1 = onward(n, i, j, n_step, i_step, j_step, height, width)
            n2, i2, j2 = onward(n1, i1, j1, n_step, i_step, j_step, height, width)
            n3, i3, j3 = onward(n2, i2, j2, n_step, i_step, j_step, height, width)
            v, v1 = term(c, t, n, i, j, a, args), term(c, t, n1, i1, j1, a, args)
            v2, v3 = term(c, t, n2, i2, j2, a, args), term(c, t, n3, i3, j3, a, args)
            mine += (v + v1) + (v2 + v3)
            q += 4 * step
            n, i, j = onward(n3, i3, j3, n_step, i_step, j_step, height, width)
        while q < positions:
            mine += term(c, t, n, i, j, a, args)
            q += step
            n, i, j = onward(n, i, j, n_step, i_step, j_step, height, width)
        sums = cuda.shared.array(threads, a.dtype)
        sums[rank] = mine
        cuda.syncthreads()
        half = lanes // 2
        while half > 0:
            if lane < half:
                sums[rank] += sums[rank + half * across]
            cuda.syncthreads()
            half //= 2
        if lane == 0 and c < total.shape[1]:
            total[part, c, t] = sums[rank]

    return named(name, kernel)


@Sum
def _sum_channels(c, t, n, i, j, dy, args):  # type: ignore[no-untyped-def]
    return dy[n, c, i, j]


def sum_channels(dy: Any, db: Any) -> None:
    """db[k] = sum of dy over N, H and W: the gradient of a convolution in its bias."""
    _sum_channels(db.reshape(-1, 1), dy)


def bias_activate(y: Any, b: Any, activation: str, alpha: float) -> None:
    """y = f(y + b) in place, b per channel or None, for the elementwise activation f."""
    fill = _bias_activate(activation, y.dtype, b is not None)
    fill(y, y, y if b is None else b, scalar(alpha, y))


@cache
def _bias_activate(name: str, dtype: np.dtype[Any], biased: bool) -> Fill:
    f = activation_of(name, dtype)

    @Stream
    def biased_activation(n, c, i, j, args):  # type: ignore[no-untyped-def]
        y, b, alpha = args
        return f(y[n, c, i, j] + b[c], alpha)

    @Stream
    def bare_activation(n, c, i, j, args):  # type: ignore[no-untyped-def]
        y, _, alpha = args
        return f(y[n, c, i, j], alpha)

    return biased_activation if biased else bare_activation
