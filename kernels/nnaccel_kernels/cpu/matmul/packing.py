"""Packed weights: strips as wide as a register tile, in the order in which products read them."""

from __future__ import annotations

import math

import numpy as np

from nnaccel_kernels.cpu.matmul.kept_weights import Packing
from nnaccel_kernels.cpu.matmul.product import STRIP_BYTES
from nnaccel_kernels.cpu.matmul.transpose import transpose
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for


def strips_shape(
    w_shape: tuple[int, ...], itemsize: int, groups: int, patches: bool = False
) -> tuple[int, int, int, int]:
    """(groups, strips, rows, lanes) of packed (R*S*C, K) matrices, or (K, R*S*C) for `patches`."""
    lanes = STRIP_BYTES // itemsize
    rows, columns = math.prod(w_shape[1:]), w_shape[0] // groups
    if patches:
        rows, columns = columns, rows
    return groups, -(-columns // lanes), rows, lanes


@kernel
def _pack_filters(rank, size, w, channels, stale, strips):  # type: ignore[no-untyped-def]
    groups, count, patch, lanes = strips.shape
    filters = w.shape[0] // groups
    taps = patch // channels
    lo, hi = share(groups * count * channels, rank, size)
    for item in range(lo, hi):
        c, rest = item % channels, item // channels
        if not stale[rest]:
            continue
        first = rest % count * lanes
        inside = min(lanes, filters - first)
        corner = (rest // count * filters + first) * patch + c * taps
        target = (rest * patch + c) * lanes
        transpose(inside, taps, w, corner, patch, strips, target, channels * lanes)
        if inside < lanes:
            for tap in range(taps):
                strips[rest // count, rest % count, tap * channels + c, inside:] = 0


@kernel
def _pack_patches(rank, size, w, channels, strips):  # type: ignore[no-untyped-def]
    groups, count, filters, lanes = strips.shape
    patch = w.shape[1]
    taps = patch // channels
    lo, hi = share(groups * count * filters, rank, size)
    for item in range(lo, hi):
        k, rest = item % filters, item // filters
        first = rest % count * lanes
        row, source = strips[rest // count, rest % count, k], w[rest // count * filters + k]
        inside = min(lanes, patch - first)
        tap, c = first // channels, first % channels
        for lane in range(inside):
            row[lane] = source[c * taps + tap]
            c += 1
            if c == channels:
                tap, c = tap + 1, 0
        row[inside:] = 0


def pack_filters(packing: Packing, channels: int) -> None:
    """Pack the matrix (R*S*C, K) of each group, for products with patches."""
    w, stale, strips = packing.source, packing.stale, packing.strips
    _pack_filters(w, channels, stale, strips, width=threads_for(4.0 * w.size))


def pack_patches(w: np.ndarray, strips: np.ndarray) -> None:
    """Pack the matrix (K, R*S*C) of each group, for products that give patches."""
    flat = w.reshape(len(w), math.prod(w.shape[1:]))
    _pack_patches(flat, w.shape[1], strips, width=threads_for(4.0 * w.size))
