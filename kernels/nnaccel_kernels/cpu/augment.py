"""Random changes of images, as `reference/augment.py` defines them; a thread takes whole images."""

from __future__ import annotations

import math

import numpy as np

from nnaccel_kernels.augmentation import KNOTS, REACH, Augmentation
from nnaccel_kernels.cpu.dropout import _GAMMA, _mix
from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for
from nnaccel_kernels.cpu.runtime.workspace import scratch

__all__ = ["augment"]

_S11 = np.uint64(11)
_UNIT = 2.0**-53


@njit(nogil=True, cache=True)
def _uniform(base, position):  # type: ignore[no-untyped-def]
    return float(_mix(base + np.uint64(position + 1) * _GAMMA) >> _S11) * _UNIT


@njit(nogil=True, cache=True)
def _draw_knots(base, reach, knots):  # type: ignore[no-untyped-def]
    flat = knots.reshape(knots.size)
    for k in range(flat.size):
        flat[k] = (2.0 * _uniform(base, KNOTS + k) - 1.0) * reach


@njit(nogil=True, cache=True)
def _spline_weights(at):  # type: ignore[no-untyped-def]
    first = int(at)
    t = at - first
    second = (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0
    third = (-3.0 * t * t * t + 3.0 * t * t + 3.0 * t + 1.0) / 6.0
    return first, (1.0 - t) * (1.0 - t) * (1.0 - t) / 6.0, second, third, t * t * t / 6.0


@njit(nogil=True, cache=True)
def _sum_down(knots, at, lines):  # type: ignore[no-untyped-def]
    """Sum the knots of both fields down the columns, for a row of pixels."""
    first, a, b, c, d = _spline_weights(at)
    for axis in range(2):
        for k in range(lines.shape[1]):
            lines[axis, k] = (
                a * knots[axis, first, k]
                + b * knots[axis, first + 1, k]
                + c * knots[axis, first + 2, k]
                + d * knots[axis, first + 3, k]
            )


@njit(nogil=True, cache=True)
def _interpolated(image, down, across):  # type: ignore[no-untyped-def]
    """Value between four pixels; zeros are outside."""
    height, width = image.shape
    if not (-1.0 < down < height and -1.0 < across < width):
        return 0.0
    top, left = math.floor(down), math.floor(across)
    v, h = down - top, across - left
    total = 0.0
    if top >= 0:
        if left >= 0:
            total += (1.0 - v) * (1.0 - h) * image[top, left]
        if left + 1 < width:
            total += (1.0 - v) * h * image[top, left + 1]
    if top + 1 < height:
        if left >= 0:
            total += v * (1.0 - h) * image[top + 1, left]
        if left + 1 < width:
            total += v * h * image[top + 1, left + 1]
    return total


@kernel
def _augment(rank, size, x, order, cursor, batch_size, key, epoch, settings, knots, lines, y):  # type: ignore[no-untyped-def]
    shift, rotate, scale, elastic = settings[0], settings[1], settings[2], settings[3]
    spacing, flip, crop, cutout = settings[4], settings[5], settings[6], settings[7]
    n, channels, height, width = x.shape
    middle_down, middle_across = 0.5 * (height - 1), 0.5 * (width - 1)
    start, side = _mix(key[0] + np.uint64(epoch[0]) * _GAMMA), int(cutout)
    lo, hi = share(n, rank, size)
    for i in range(lo, hi):
        row = order[cursor[0] * batch_size + i]
        base = _mix(start + np.uint64(row + 1) * _GAMMA)
        angle = (2.0 * _uniform(base, 1) - 1.0) * rotate
        zoom = 1.0 + (2.0 * _uniform(base, 2) - 1.0) * scale
        cosine, sine = math.cos(angle), math.sin(angle)
        sign = -1.0 if _uniform(base, 0) < flip else 1.0
        moved_down = (2.0 * _uniform(base, 3) - 1.0) * shift
        moved_down += math.floor(_uniform(base, 5) * (2.0 * crop + 1.0)) - crop
        moved_across = (2.0 * _uniform(base, 4) - 1.0) * shift
        moved_across += math.floor(_uniform(base, 6) * (2.0 * crop + 1.0)) - crop
        cut_top = int(_uniform(base, 7) * height) - side // 2
        cut_left = int(_uniform(base, 8) * width) - side // 2
        if elastic > 0.0:
            _draw_knots(base, REACH * elastic, knots[i])
        for r in range(height):
            if elastic > 0.0:
                _sum_down(knots[i], r / spacing, lines[i])
            p = r - middle_down - moved_down
            for c in range(width):
                q = c - middle_across - moved_across
                down = (cosine * p + sine * q) / zoom
                across = sign * ((cosine * q - sine * p) / zoom)
                if elastic > 0.0:
                    f, wa, wb, wc, wd = _spline_weights(c / spacing)
                    a, b = lines[i, 0], lines[i, 1]
                    down += wa * a[f] + wb * a[f + 1] + wc * a[f + 2] + wd * a[f + 3]
                    across += wa * b[f] + wb * b[f + 1] + wc * b[f + 2] + wd * b[f + 3]
                is_cut = cut_top <= r < cut_top + side and cut_left <= c < cut_left + side
                down, across = down + middle_down, across + middle_across
                for channel in range(channels):
                    value = 0.0 if is_cut else _interpolated(x[i, channel], down, across)
                    y[i, channel, r, c] = value


def augment(
    x: np.ndarray,
    order: np.ndarray,
    cursor: np.ndarray,
    batch_size: int,
    key: np.ndarray,
    epoch: np.ndarray,
    settings: Augmentation,
    y: np.ndarray,
) -> None:
    """y[i] = x[i], changed at random by (key, epoch, order[cursor * batch_size + i])."""
    n, _, height, width = x.shape
    across = settings.knots(width)
    knots, lines = scratch(np.float64, (n, 2, settings.knots(height), across), (n, 2, across))
    numbers = np.array([*settings[:4], settings.spacing, *settings[5:]])
    _augment(
        *(x, order, cursor, batch_size, key, epoch, numbers, knots, lines, y),
        width=threads_for(y.size * 60.0),
    )
