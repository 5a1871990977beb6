"""Sums over all pixels of a channel, by a block of threads each; the bias and its gradient."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import cuda

from nnaccel_kernels.cuda._activation import activation as activation_of
from nnaccel_kernels.cuda._device import device
from nnaccel_kernels.cuda._fill import Fill
from nnaccel_kernels.cuda._launch import THREADS, launch, named, power_of_two, scalar


class Sum:
    """Sets total[c, t] = sum over n, i, j of term(c, t, n, i, j, a, args), for `term` a function.

    A block of threads adds up one sum, always in the same order; n, i and j run over `a`.
    """

    def __init__(self, term: Any) -> None:
        self.name = term.__name__.strip("_")
        self.kernel = cache(lambda threads: _compile(self.name, device(term), threads))

    def __call__(self, total: Any, a: Any, *args: Any) -> None:
        """Fill total (C, T); `args` is handed on as a tuple."""
        across = power_of_two(a.shape[2] * a.shape[3], THREADS)
        block = across, THREADS // across
        launch(self.kernel(THREADS), total.shape[::-1], block, total, a, args)


def _compile(name: str, term: Any, threads: int) -> Any:
    def kernel(total, a, args):  # type: ignore[no-untyped-def]
        t, c = cuda.blockIdx.x, cuda.blockIdx.y
        images, _, height, width = a.shape
        mine = a.dtype.type(0)
        n = cuda.threadIdx.y
        while n < images:
            pixel = cuda.threadIdx.x
            while pixel < height * width:
                i = pixel // width
                mine += term(c, t, n, i, pixel - i * width, a, args)
                pixel += cuda.blockDim.x
            n += cuda.blockDim.y
        sums = cuda.shared.array(threads, a.dtype)
        rank = cuda.threadIdx.y * cuda.blockDim.x + cuda.threadIdx.x
        sums[rank] = mine
        cuda.syncthreads()
        half = threads // 2
        while half > 0:
            if rank < half:
                sums[rank] += sums[rank + half]
            cuda.syncthreads()
            half //= 2
        if rank == 0:
            total[c, t] = sums[0]

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

    @Fill
    def biased_activation(n, c, i, j, args):  # type: ignore[no-untyped-def]
        y, b, alpha = args
        return f(y[n, c, i, j] + b[c], alpha)

    @Fill
    def bare_activation(n, c, i, j, args):  # type: ignore[no-untyped-def]
        y, _, alpha = args
        return f(y[n, c, i, j], alpha)

    return biased_activation if biased else bare_activation
