"""Random changes of images, as `reference/augment.py` defines them; a thread takes whole images.

An image is first copied into a frame of zeros, so that the four pixels around a point are always
there. Displacements are summed across the columns once an image, and down them once a row: what
remains for a pixel has no branch.
"""

from __future__ import annotations

import math

import numpy as np

from nnaccel_kernels.augmentation import KNOTS, REACH, Augmentation
from nnaccel_kernels.cpu.dropout import _GAMMA, _mix
from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for
from nnaccel_kernels.cpu.runtime.thread_pool import thread_pool
from nnaccel_kernels.cpu.runtime.workspace import scratch

__all__ = ["augment"]

_S11 = np.uint64(11)
_UNIT = 2.0**-53
_FRAME = 3  # zeros along an axis: one before the image, two after it


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
def _sum_across(knots, spacing, lines):  # type: ignore[no-untyped-def]
    """Sum the knots of both fields across the columns of pixels: a line for each row of knots."""
    for column in range(lines.shape[2]):
        first, a, b, c, d = _spline_weights(column / spacing)
        for axis in range(2):
            for k in range(lines.shape[1]):
                row = knots[axis, k]
                lines[axis, k, column] = (
                    a * row[first] + b * row[first + 1] + c * row[first + 2] + d * row[first + 3]
                )


@njit(nogil=True, cache=True)
def _add_down(lines, at, points):  # type: ignore[no-untyped-def]
    """Add the displacements of a row of pixels, sums of the lines of four rows of knots."""
    first, a, b, c, d = _spline_weights(at)
    one, two, three, four = lines[first], lines[first + 1], lines[first + 2], lines[first + 3]
    for k in range(points.size):
        points[k] += a * one[k] + b * two[k] + c * three[k] + d * four[k]


@njit(nogil=True, cache=True)
def _spread(start, step, points):  # type: ignore[no-untyped-def]
    for k in range(points.size):
        points[k] = start + step * k


@njit(nogil=True, cache=True)
def _interpolate(frame, down, across, y):  # type: ignore[no-untyped-def]
    """Values between four pixels of a framed image; zeros are outside."""
    width, flat = frame.shape[1], frame.reshape(frame.size)
    lowest, rightmost = frame.shape[0] - 2.0, frame.shape[1] - 2.0
    for k in range(y.size):
        v = min(max(down[k] + 1.0, 0.0), lowest)
        h = min(max(across[k] + 1.0, 0.0), rightmost)
        top, left = int(v), int(h)
        v, h, at = v - top, h - left, top * width + left
        upper = (1.0 - h) * flat[at] + h * flat[at + 1]
        lower = (1.0 - h) * flat[at + width] + h * flat[at + width + 1]
        y[k] = (1.0 - v) * upper + v * lower


@njit(nogil=True, cache=True)
def _carve(memory, rows, columns, shape):  # type: ignore[no-untyped-def]
    """Knots, their lines, the points of a row of pixels, and a frame, for images of this shape."""
    channels, height, width = shape
    a = 2 * rows * columns
    b = a + 2 * rows * width
    c = b + 2 * width
    return (
        memory[:a].reshape((2, rows, columns)),
        memory[a:b].reshape((2, rows, width)),
        memory[b:c].reshape((2, width)),
        memory[c:].reshape((channels, height + _FRAME, width + _FRAME)),
    )


@kernel
def _augment(  # type: ignore[no-untyped-def]
    rank, size, x, order, cursor, batch_size, key, epoch, settings, rows, columns, room, y
):
    shift, rotate, scale, elastic = settings[0], settings[1], settings[2], settings[3]
    spacing, flip, crop, cutout = settings[4], settings[5], settings[6], settings[7]
    n, channels, height, width = x.shape
    middle_down, middle_across = 0.5 * (height - 1), 0.5 * (width - 1)
    start, side = _mix(key[0] + np.uint64(epoch[0]) * _GAMMA), int(cutout)
    knots, lines, points, frame = _carve(room[rank], rows, columns, x.shape[1:])
    down, across = points[0], points[1]
    frame[...] = 0.0
    lo, hi = share(n, rank, size)
    for i in range(lo, hi):
        row = order[cursor[0] * batch_size + i]
        base = _mix(start + np.uint64(row + 1) * _GAMMA)
        angle = (2.0 * _uniform(base, 1) - 1.0) * rotate
        zoom = 1.0 + (2.0 * _uniform(base, 2) - 1.0) * scale
        cosine, sine = math.cos(angle) / zoom, math.sin(angle) / zoom
        sign = -1.0 if _uniform(base, 0) < flip else 1.0
        moved_down = (2.0 * _uniform(base, 3) - 1.0) * shift
        moved_down += math.floor(_uniform(base, 5) * (2.0 * crop + 1.0)) - crop
        moved_across = (2.0 * _uniform(base, 4) - 1.0) * shift
        moved_across += math.floor(_uniform(base, 6) * (2.0 * crop + 1.0)) - crop
        cut_top = int(_uniform(base, 7) * height) - side // 2
        cut_left = int(_uniform(base, 8) * width) - side // 2
        frame[:, 1 : height + 1, 1 : width + 1] = x[i]
        if elastic > 0.0:
            _draw_knots(base, REACH * elastic, knots)
            _sum_across(knots, spacing, lines)
        q = -middle_across - moved_across
        for r in range(height):
            p = r - middle_down - moved_down
            _spread(middle_down + (cosine * p + sine * q), sine, down)
            _spread(middle_across + sign * (cosine * q - sine * p), sign * cosine, across)
            if elastic > 0.0:
                _add_down(lines[0], r / spacing, down)
                _add_down(lines[1], r / spacing, across)
            is_cut = cut_top <= r < cut_top + side
            for channel in range(channels):
                _interpolate(frame[channel], down, across, y[i, channel, r])
                if is_cut:
                    y[i, channel, r, max(0, cut_left) : cut_left + side] = 0.0


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
    _, channels, height, width = x.shape
    rows, columns = settings.knots(height), settings.knots(width)
    elements = 2 * (rows * columns + rows * width + width)
    elements += channels * (height + _FRAME) * (width + _FRAME)
    (room,) = scratch(np.float64, (thread_pool().size, elements))
    numbers = np.array([*settings[:4], settings.spacing, *settings[5:]])
    _augment(
        *(x, order, cursor, batch_size, key, epoch, numbers, rows, columns, room, y),
        width=threads_for(y.size * 30.0),
    )
