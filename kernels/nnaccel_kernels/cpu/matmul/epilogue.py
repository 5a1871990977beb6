"""What products end with, while they are in the cache: biases added, the activation applied."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import carray
from numba.extending import register_jitable

from nnaccel_kernels.activations import ACTIVATIONS
from nnaccel_kernels.cpu.activation import apply
from nnaccel_kernels.cpu.runtime.linked import linked

Ending = tuple[np.ndarray, int, np.ndarray]


def ending(b: np.ndarray | None, activation: str, alpha: float, dtype: np.dtype) -> Ending:
    """Biases, activation and its constant as kernels take them."""
    bias = np.empty(0, dtype) if b is None else b
    return bias, ACTIVATIONS.index(activation), _constant(alpha)


@lru_cache(maxsize=64)
def _constant(alpha: float) -> np.ndarray:
    return np.array([alpha])


def _finish_in_python(pixels, apart, channels, code, alpha, b, b_at, y, at):  # type: ignore[no-untyped-def]
    """`_finish` without the JIT."""
    span = y.reshape(-1)[at : at + pixels * apart]
    if channels:
        span.reshape(pixels, apart)[:, :channels] += b.reshape(-1)[b_at : b_at + channels]
    apply(code, alpha, span)


@linked("iiiifpp", _finish_in_python)
def _finish(pixels, apart, channels, code, alpha, b, y):  # type: ignore[no-untyped-def]
    """Add b to each of some pixels, whose channels lie `apart`, and apply the activation."""
    for p in range(pixels):
        start = p * apart
        for c in range(channels):
            y[start + c] += b[c]
    if code:
        apply(code, alpha, carray(y, pixels * apart))


@register_jitable
def finish_pixels(y, at, pixels, apart, b, first, channels, code, alpha):  # type: ignore[no-untyped-def]
    """Finish pixels that begin at y[at], with `channels` biases from b[first], if b has any."""
    if b.size == 0:
        channels = 0
    _finish(pixels, apart, channels, code, alpha[0], b, first, y, at)
