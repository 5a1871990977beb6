"""The epilogue of products: bias and activation, while results are in the cache."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import carray
from numba.extending import register_jitable

from nnaccel_kernels.activations import ACTIVATIONS
from nnaccel_kernels.cpu.activation import apply_activation
from nnaccel_kernels.cpu.runtime.linked import linked

_FEW = 16  # channels for which a loop of their own costs more than the additions
Epilogue = tuple[np.ndarray, int, np.ndarray]


def epilogue_of(b: np.ndarray | None, activation: str, alpha: float, dtype: np.dtype) -> Epilogue:
    """Return bias, activation code and alpha as kernels take them; the bias may be empty."""
    bias = np.empty(0, dtype) if b is None else b
    return bias, ACTIVATIONS.index(activation), _constant(alpha)


@lru_cache(maxsize=64)
def _constant(alpha: float) -> np.ndarray:
    return np.array([alpha])


def _epilogue_in_python(pixels, apart, channels, code, alpha, b, b_at, y, at):  # type: ignore[no-untyped-def]
    """`_epilogue` without the JIT."""
    span = y.reshape(-1)[at : at + pixels * apart]
    if channels:
        span.reshape(pixels, apart)[:, :channels] += b.reshape(-1)[b_at : b_at + channels]
    apply_activation(code, alpha, span)


@linked("iiiifpp", _epilogue_in_python)
def _epilogue(pixels, apart, channels, code, alpha, b, y):  # type: ignore[no-untyped-def]
    """Add b to each pixel, `apart` elements from the next, and apply the activation."""
    if channels < _FEW:
        for c in range(channels):
            for p in range(pixels):
                y[p * apart + c] += b[c]
    else:
        for p in range(pixels):
            start = p * apart
            for c in range(channels):
                y[start + c] += b[c]
    if code:
        apply_activation(code, alpha, carray(y, pixels * apart))


@register_jitable
def apply_epilogue(y, at, pixels, apart, b, first, channels, code, alpha):  # type: ignore[no-untyped-def]
    """Apply the epilogue to pixels from y[at] on; their biases, if any, begin at b[first]."""
    if b.size == 0:
        channels = 0
    _epilogue(pixels, apart, channels, code, alpha[0], b, first, y, at)
