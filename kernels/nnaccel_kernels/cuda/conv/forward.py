"""Convolution: filters (K, C*R*S) times patches (C*R*S, N*OH*OW), group by group."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from nnaccel_kernels.cuda.conv.patch import as_it_is, corner_of, offset_of, patch, pixel_of
from nnaccel_kernels.cuda.runtime.launch import scalar
from nnaccel_kernels.cuda.skeletons.activations import activation as activation_of
from nnaccel_kernels.cuda.skeletons.tiled import Factor, Product
from nnaccel_kernels.window import Window

_SHORT = {"linear", "relu", "leaky_relu"}  # what fits where the sums are stored


def _filter(group, line, step, w, args):  # type: ignore[no-untyped-def]
    k, q = line[0], step[0]
    return w[group, k, q] if k < w.shape[1] and q < w.shape[2] else w.dtype.type(0)


def _corner(p, args):  # type: ignore[no-untyped-def]
    return corner_of(p, args[4], args[5])


def _offset(q, args):  # type: ignore[no-untyped-def]
    return offset_of(q, args[5])


def _patch(group, corner, offset, x, args):  # type: ignore[no-untyped-def]
    return patch(group, corner, offset, x, args[3])


def _place(p, args):  # type: ignore[no-untyped-def]
    size = args[4]
    return pixel_of(p, size[0], size[1])


@cache
def _product(name: str, dtype: np.dtype[Any], biased: bool) -> Product:
    f = activation_of(name, dtype)
    at_once = activation_of(name if name in _SHORT else "linear", dtype)

    def store_biased(part, group, m, at, total, y, args):  # type: ignore[no-untyped-def]
        b, alpha, filters = args[0], args[1], args[2]
        n, i, j = at
        if n < y.shape[0] and m < filters:
            k = group * filters + m
            y[n, k, i, j] = at_once(total + b[k], alpha)

    def store(part, group, m, at, total, y, args):  # type: ignore[no-untyped-def]
        alpha, filters = args[1], args[2]
        n, i, j = at
        if n < y.shape[0] and m < filters:
            y[n, group * filters + m, i, j] = at_once(total, alpha)

    def finish(part, group, m, at, y, args):  # type: ignore[no-untyped-def]
        alpha, filters = args[1], args[2]
        n, i, j = at
        if n < y.shape[0] and m < filters:
            k = group * filters + m
            y[n, k, i, j] = f(y[n, k, i, j], alpha)

    return Product(
        f"conv2d_{name}",
        Factor(as_it_is, as_it_is, _filter, by_depth=True),
        Factor(_corner, _offset, _patch, by_depth=False),
        _place,
        store_biased if biased else store,
        None if name in _SHORT else finish,
    )


def forward(
    x: Any, w: Any, b: Any, window: Window, groups: int, activation: str, alpha: float, y: Any
) -> None:
    """y = f(conv(x, w) + b)."""
    k, c, *taps = w.shape
    n, _, *size = y.shape
    filters, depth = k // groups, c * math.prod(taps)
    product = _product(activation, y.dtype, b is not None)
    rest = w if b is None else b, scalar(alpha, y), filters, c, tuple(size), window
    product(
        (filters, n * math.prod(size), depth),
        w.reshape(groups, filters, depth),
        x,
        y,
        *rest,
        groups=groups,
    )
