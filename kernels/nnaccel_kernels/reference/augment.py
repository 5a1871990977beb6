"""Random changes of images: functions of (key, epoch, row), by SplitMix64 as in dropout.

Elastic displacements are cubic B-splines of random knots, which are close to the Gaussian sums of
P. Y. Simard, D. Steinkraus and J. C. Platt, "Best practices for convolutional neural networks
applied to visual document analysis", ICDAR 2003. Cutout: T. DeVries and G. W. Taylor, "Improved
regularization of convolutional neural networks with cutout", 2017.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnaccel_kernels.augmentation import KNOTS, REACH, Augmentation
from nnaccel_kernels.reference.dropout import _GAMMA, _mix
from nnaccel_kernels.reference.namespace import array_like, namespace

__all__ = ["augment"]


def augment(
    x: Any,
    order: Any,
    cursor: Any,
    batch_size: int,
    key: Any,
    epoch: Any,
    settings: Augmentation,
    y: Any,
) -> None:
    """y[i] = x[i], changed at random by (key, epoch, order[cursor * batch_size + i]).

    Images (N, C, H, W). A pixel of y is interpolated between the four of x around the point that
    it came from; outside the image are zeros.
    """
    n, _, height, width = x.shape
    first = int(cursor[0]) * batch_size
    rows = [int(order[first + i]) for i in range(n)]
    start, key = int(epoch[0]), int(np.asarray(key)[0])
    for i, row in enumerate(rows):
        u = _stream(key, start, row, KNOTS + 2 * settings.knots(height) * settings.knots(width))
        _change(x[i, ...], u, settings, y[i, ...])


def _stream(key: int, epoch: int, row: int, count: int) -> Any:
    """Random numbers of an image, in [0, 1)."""
    base = _mix(np.asarray([(key + epoch * _GAMMA) % 2**64], np.uint64))
    base = _mix(base + np.asarray([(row + 1) * _GAMMA % 2**64], np.uint64))
    words = _mix(base + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GAMMA))
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _change(x: Any, u: Any, settings: Augmentation, y: Any) -> None:
    """Y = x (C, H, W), changed by the random numbers u."""
    xp, (channels, height, width) = namespace(x), x.shape
    down, across = _sources(u, settings, height, width)
    top, left = np.floor(down), np.floor(across)
    flat = xp.astype(xp.reshape(x, (channels, height * width)), xp.float64)
    total = 0.0
    for lower in (0, 1):
        for right in (0, 1):
            r, c = top + lower, left + right
            weight = (1 - abs(down - r)) * (1 - abs(across - c))
            weight[(r < 0) | (r >= height) | (c < 0) | (c >= width)] = 0
            at = np.clip(r, 0, height - 1) * width + np.clip(c, 0, width - 1)
            taken = xp.take(flat, array_like(x, at.astype(np.int64).ravel()), axis=1)
            total = total + taken * array_like(x, weight.ravel())
    total = xp.reshape(total, x.shape)
    if settings.cutout:
        side = int(settings.cutout)
        r, c = int(u[7] * height) - side // 2, int(u[8] * width) - side // 2
        total[:, max(0, r) : max(0, r + side), max(0, c) : max(0, c + side)] = 0.0
    y[...] = xp.astype(total, y.dtype)


def _sources(u: Any, settings: Augmentation, height: int, width: int) -> tuple[Any, Any]:
    """Point of the image, down and across, that each pixel comes from."""
    angle, zoom = (2 * u[1] - 1) * settings.rotate, 1 + (2 * u[2] - 1) * settings.scale
    crop = settings.crop
    middle = (height - 1) / 2, (width - 1) / 2
    moved = [
        (2 * u[3 + axis] - 1) * settings.shift + np.floor(u[5 + axis] * (2 * crop + 1)) - crop
        for axis in (0, 1)
    ]
    i = np.arange(height)[:, None] - middle[0] - moved[0]
    j = np.arange(width)[None] - middle[1] - moved[1]
    down = (np.cos(angle) * i + np.sin(angle) * j) / zoom
    across = (np.cos(angle) * j - np.sin(angle) * i) / zoom
    if u[0] < settings.flip:
        across = -across
    if settings.elastic:
        shape = 2, settings.knots(height), settings.knots(width)
        knots = (2 * u[KNOTS:].reshape(shape) - 1) * REACH * settings.elastic
        field = _splines(height, settings) @ knots @ _splines(width, settings).T
        down, across = down + field[0], across + field[1]
    return down + middle[0], across + middle[1]


def _splines(pixels: int, settings: Augmentation) -> Any:
    """Cubic B-splines, shape (pixels, knots): the weight of each knot at each pixel."""
    at = np.arange(pixels) / settings.spacing
    t, splines = at - np.floor(at), np.zeros((pixels, settings.knots(pixels)))
    weights = (1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3
    for number, weight in enumerate(weights):
        splines[np.arange(pixels), at.astype(int) + number] = weight / 6
    return splines
