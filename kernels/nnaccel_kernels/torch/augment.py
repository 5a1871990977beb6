"""Random changes of images as the plain kernel makes them, of a whole batch on the device."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch

from nnaccel_kernels.augmentation import KNOTS, REACH, Augmentation
from nnaccel_kernels.reference.augment import _splines
from nnaccel_kernels.reference.dropout import _GAMMA
from nnaccel_kernels.reference.namespace import widest
from nnaccel_kernels.torch.batch import rows_of_batch
from nnaccel_kernels.torch.words import mix, shifted, signed

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
    """y[i] = x[i], changed at random by (key, epoch, order[cursor * batch_size + i])."""
    n, channels, height, width = x.shape
    count = KNOTS + 2 * settings.knots(height) * settings.knots(width)
    rows = rows_of_batch(order, cursor, batch_size, n)
    u = _streams(key, epoch, rows, count, widest(x))
    down, across = _sources(u, settings, height, width)
    top, left = down.floor(), across.floor()
    flat = x.reshape(n, channels, height * width).to(u.dtype)
    total = torch.zeros_like(flat)
    for lower in (0, 1):
        for right in (0, 1):
            r, c = top + lower, left + right
            weight = (1 - (down - r).abs()) * (1 - (across - c).abs())
            inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
            weight = torch.where(inside, weight, 0)
            at = r.clamp(0, height - 1) * width + c.clamp(0, width - 1)
            places = at.to(torch.int64).reshape(n, 1, height * width).expand(-1, channels, -1)
            total += flat.gather(2, places) * weight.reshape(n, 1, height * width)
    total = total.reshape(x.shape)
    if settings.cutout:
        side = int(settings.cutout)
        hidden = _within(u[:, 7], height, side)[:, :, None] & _within(u[:, 8], width, side)[:, None]
        total = torch.where(hidden[:, None], 0, total)
    y.copy_(total)


def _streams(key: Any, epoch: Any, rows: Any, count: int, dtype: Any) -> Any:
    """Random numbers of each image, in [0, 1): (N, count)."""
    gamma = signed(_GAMMA, 64)
    base = mix(epoch[:1] * gamma + signed(key[0], 64))
    base = mix((rows + 1) * gamma + base)
    words = mix(base[:, None] + torch.arange(1, count + 1, device=rows.device) * gamma)
    return shifted(words, 11).to(dtype) * 2.0**-53


def _sources(u: Any, settings: Augmentation, height: int, width: int) -> tuple[Any, Any]:
    """Point of its image, down and across, that each pixel comes from: (N, H, W) each."""
    numbers = u[:, :KNOTS, None, None].unbind(1)
    angle, zoom = (2 * numbers[1] - 1) * settings.rotate, 1 + (2 * numbers[2] - 1) * settings.scale
    crop, middle = settings.crop, ((height - 1) / 2, (width - 1) / 2)
    moved = [
        (2 * numbers[3 + axis] - 1) * settings.shift
        + (numbers[5 + axis] * (2 * crop + 1)).floor()
        - crop
        for axis in (0, 1)
    ]
    like = {"dtype": u.dtype, "device": u.device}
    i = torch.arange(height, **like)[:, None] - middle[0] - moved[0]
    j = torch.arange(width, **like) - middle[1] - moved[1]
    down = (angle.cos() * i + angle.sin() * j) / zoom
    across = (angle.cos() * j - angle.sin() * i) / zoom
    across = torch.where(numbers[0] < settings.flip, -across, across)
    if settings.elastic:
        shape = len(u), 2, settings.knots(height), settings.knots(width)
        knots = (2 * u[:, KNOTS:].reshape(shape) - 1) * (REACH * settings.elastic)
        by_row, by_column = (_curves(pixels, settings, **like) for pixels in (height, width))
        field = by_row @ knots @ by_column.T
        down, across = down + field[:, 0], across + field[:, 1]
    return down + middle[0], across + middle[1]


@functools.cache  # for good: graphs read it, and can copy nothing to a device
def _curves(pixels: int, settings: Augmentation, dtype: Any, device: Any) -> Any:
    host = np.asarray(_splines(pixels, settings), str(dtype).removeprefix("torch."))
    return torch.asarray(host, device=device)


def _within(u: Any, pixels: int, side: int) -> Any:
    """Which pixels of an axis are in a square around a random one: (N, pixels)."""
    first = (u * pixels).floor() - side // 2
    at = torch.arange(pixels, device=u.device) - first[:, None]
    return (at >= 0) & (at < side)
