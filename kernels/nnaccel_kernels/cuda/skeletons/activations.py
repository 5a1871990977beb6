"""Activations and their gradients as device functions of one number."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from nnaccel_kernels.activations import GELU_CUBE, GELU_SLOPE, SELU_ALPHA, SELU_SCALE
from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.half import wide


@cache
def activation_function(name: str, dtype: np.dtype[Any]) -> Any:
    """f(v, alpha) as a device function that computes in the accumulation dtype of `dtype`."""
    zero, half, one, root_half = (wide(dtype).type(v) for v in (0, 0.5, 1, math.sqrt(0.5)))
    two, three, six, forty = (wide(dtype).type(v) for v in (2, 3, 6, 40))
    scale, low = (wide(dtype).type(v) for v in (SELU_SCALE, SELU_SCALE * SELU_ALPHA))
    slope, cube = (wide(dtype).type(v) for v in (GELU_SLOPE, GELU_CUBE))

    def linear(v, alpha):  # type: ignore[no-untyped-def]
        return v

    def relu(v, alpha):  # type: ignore[no-untyped-def]
        return zero if v < zero else v

    def sigmoid(v, alpha):  # type: ignore[no-untyped-def]
        e = math.exp(-abs(v))
        return (e if v < zero else one) / (one + e)

    def tanh(v, alpha):  # type: ignore[no-untyped-def]
        return math.tanh(v)

    def leaky_relu(v, alpha):  # type: ignore[no-untyped-def]
        return v * alpha if v < zero else v

    def elu(v, alpha):  # type: ignore[no-untyped-def]
        return alpha * math.expm1(v) if v < zero else v

    def softplus(v, alpha):  # type: ignore[no-untyped-def]
        return (zero if v < zero else v) + math.log1p(math.exp(-abs(v)))

    def gelu(v, alpha):  # type: ignore[no-untyped-def]
        return half * v * (one + math.erf(v * root_half))

    def swish(v, alpha):  # type: ignore[no-untyped-def]
        return v / (one + math.exp(-v))

    def mish(v, alpha):  # type: ignore[no-untyped-def]
        e = math.exp(v if v < forty else forty)
        n = e * (e + two)
        return v * (n / (n + two))

    def selu(v, alpha):  # type: ignore[no-untyped-def]
        return low * math.expm1(v) if v < zero else v * scale

    def hard_swish(v, alpha):  # type: ignore[no-untyped-def]
        gate = zero if v < -three else v + three
        return v * (six if gate > six else gate) / six

    def gelu_tanh(v, alpha):  # type: ignore[no-untyped-def]
        return v / (one + math.exp(-v * (slope + cube * v * v)))

    functions = (linear, relu, sigmoid, tanh, leaky_relu, elu, softplus, gelu, swish, mish, selu,
                 hard_swish, gelu_tanh)  # fmt: skip
    return device({f.__name__: f for f in functions}[name])


@cache
def activation_gradient(name: str, dtype: np.dtype[Any]) -> Any:
    """g(dy, y, alpha) = dy * f'(x) as a device function of y = f(x), or of x.

    Those in `FROM_OUTPUT` take y.
    """
    zero, half, one, root_half = (wide(dtype).type(v) for v in (0, 0.5, 1, math.sqrt(0.5)))
    density_at_0 = wide(dtype).type(1 / math.sqrt(2 * math.pi))
    two, three, four, forty = (wide(dtype).type(v) for v in (2, 3, 4, 40))
    scale, low = (wide(dtype).type(v) for v in (SELU_SCALE, SELU_SCALE * SELU_ALPHA))
    slope, cube = (wide(dtype).type(v) for v in (GELU_SLOPE, GELU_CUBE))

    def linear(dy, y, alpha):  # type: ignore[no-untyped-def]
        return dy

    def relu(dy, y, alpha):  # type: ignore[no-untyped-def]
        return dy if y > zero else zero

    def sigmoid(dy, y, alpha):  # type: ignore[no-untyped-def]
        return dy * (y * (one - y))

    def tanh(dy, y, alpha):  # type: ignore[no-untyped-def]
        return dy * (one - y * y)

    def leaky_relu(dy, y, alpha):  # type: ignore[no-untyped-def]
        return dy if y > zero else dy * alpha

    def elu(dy, y, alpha):  # type: ignore[no-untyped-def]
        return dy if y > zero else dy * (y + alpha)

    def softplus(dy, y, alpha):  # type: ignore[no-untyped-def]
        return dy * -math.expm1(-y)

    def gelu(dy, x, alpha):  # type: ignore[no-untyped-def]
        density = math.exp(-half * x * x) * density_at_0
        return dy * (half * (one + math.erf(x * root_half)) + x * density)

    def swish(dy, x, alpha):  # type: ignore[no-untyped-def]
        gate = one / (one + math.exp(-x))
        return dy * (gate * (one + x * (one - gate)))

    def mish(dy, x, alpha):  # type: ignore[no-untyped-def]
        e = math.exp(x if x < forty else forty)
        n = e * (e + two)
        rest = n + two
        return dy * (n / rest + x * (four * (e / rest) * ((e + one) / rest)))

    def selu(dy, y, alpha):  # type: ignore[no-untyped-def]
        return dy * (scale if y > zero else y + low)

    def hard_swish(dy, x, alpha):  # type: ignore[no-untyped-def]
        inside = x / three + half if x > -three else zero
        return dy * (inside if x < three else one)

    def gelu_tanh(dy, x, alpha):  # type: ignore[no-untyped-def]
        gate = one / (one + math.exp(-x * (slope + cube * x * x)))
        bend = gate * (one - gate) * x  # 0 where squares of x overflow
        return dy * (gate + slope * bend + three * cube * bend * x * x)

    functions = (linear, relu, sigmoid, tanh, leaky_relu, elu, softplus, gelu, swish, mish, selu,
                 hard_swish, gelu_tanh)  # fmt: skip
    return device({f.__name__: f for f in functions}[name])
