"""Maps stretched to 0..1, and sheets of maps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnaccel._validate import whole_number
from nnaccel.backends import to_numpy
from nnaccel.filters.page import ends, grid

_MAPS = "(F, H, W), or (F, H, W, C) of 1, 3 or 4 channels; for one map give map[None]"


def to_unit(maps: Any, clip: float = 0) -> NDArray[np.float32]:
    """Stretch each map to the range 0..1, for display.

    Parameters
    ----------
    maps : array_like, shape (F, H, W) or (F, H, W, C)
        Maps as returned by `apply`, of any backend. The C = 1, 3 or 4 channels of a map are
        stretched together, to keep the colour balance.
    clip : float, default 0
        Percent of a map's numbers at either end to clip to 0 and 1. `nnaccel filters` and
        `nnaccel.plot.feature_maps` use 5, so that a few extreme pixels do not leave the rest grey.

    Returns
    -------
    ndarray of float32, of the same shape
        The smallest number of each map becomes 0 and the largest 1, before clipping; a constant
        map becomes 0. Alpha, the last of four channels, is not stretched, but divided by 255 if it
        exceeds 1.

    Raises
    ------
    ValueError
        If the shape is wrong, a number is NaN or infinite, or `clip` is not in [0, 50).

    Examples
    --------
    >>> to_unit([[[-2, 0, 2]], [[7, 7, 7]]]).tolist()
    [[[0.0, 0.5, 1.0]], [[0.0, 0.0, 0.0]]]
    >>> to_unit([[[0, 1, 2, 3, 99]]], clip=25).tolist()
    [[[0.0, 0.0, 0.5, 1.0, 1.0]]]
    """
    values = _as_maps(maps)
    if not 0 <= clip < 50:
        raise ValueError(f"clip={clip} must be a percentage of at least 0 and below 50")
    unit = np.empty(values.shape, np.float32)
    for given, made in zip(values, unit, strict=True):
        if not np.isfinite(given).all():
            raise ValueError("maps contain NaN or infinity: remove or replace them")
        colours = slice(3 if given.ndim == 3 and given.shape[2] == 4 else None)
        chosen = given[..., colours] if given.ndim == 3 else given
        stretched = made[..., colours] if given.ndim == 3 else made
        low, high = ends(chosen, clip)
        # In float64, by halves: the range of the largest numbers would overflow.
        half = high / 2 - low / 2
        if half > 0:
            inside = chosen.clip(low, high) if clip else chosen
            stretched[...] = (inside.astype(np.float64) / 2 - low / 2) / half
        else:
            stretched[...] = 0
        if given.ndim == 3 and given.shape[2] == 4:
            alpha = given[..., 3].astype(np.float32)
            made[..., 3] = np.clip(alpha / 255 if alpha.max() > 1 else alpha, 0, 1)
    return unit


def mosaic(maps: Any, gap: int = 1) -> NDArray[Any]:
    """Arrange maps in a grid on one white sheet.

    Parameters
    ----------
    maps : array_like, shape (F, H, W) or (F, H, W, C)
        Maps of any backend, C = 1, 3 or 4: floats from 0, black, to 1, white, as returned by
        `to_unit`; or uint8 from 0 to 255.
    gap : int, default 1
        White pixels between neighbours, but not around the sheet.

    Returns
    -------
    ndarray, shape (rows * (H + gap) - gap, columns * (W + gap) - gap), or with a last axis C
        uint8 if the maps are, else float32. The grid is near-square or wider, with few empty cells,
        which are white. Numbers are not changed.

    Raises
    ------
    ValueError
        If there is no map, the shape is wrong, or `gap` is not a whole number of at least 0.

    Examples
    --------
    >>> mosaic([[[0, 0]], [[0.5, 0.5]], [[0.25, 0.25]], [[0, 1]]]).tolist()
    [[0.0, 0.0, 1.0, 0.5, 0.5], [1.0, 1.0, 1.0, 1.0, 1.0], [0.25, 0.25, 1.0, 0.0, 1.0]]
    >>> mosaic(np.zeros((7, 9, 9))).shape  # four and three
    (19, 39)
    """
    values, gap = _as_maps(maps), whole_number("gap", gap, 0)
    count, height, width = values.shape[:3]
    rows, columns = grid(count)
    is_pixels = values.dtype == np.uint8
    shape = rows * (height + gap) - gap, columns * (width + gap) - gap, *values.shape[3:]
    dtype: type[Any] = np.uint8 if is_pixels else np.float32
    sheet: NDArray[Any] = np.full(shape, 255 if is_pixels else 1, dtype)
    for index, tile in enumerate(values):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = tile
    return sheet


def _as_maps(maps: Any) -> NDArray[Any]:
    """Return one or more maps as a NumPy array; ValueError if the shape is wrong."""
    a = np.asarray(to_numpy(maps))
    if a.dtype.kind not in "biuf":
        raise TypeError(f"maps have dtype {a.dtype}; expected integers or floats")
    if a.ndim not in (3, 4) or (a.ndim == 4 and a.shape[3] not in (1, 3, 4)):
        raise ValueError(f"maps have shape {a.shape}; expected {_MAPS}")
    if not a.size:
        raise ValueError(f"maps have shape {a.shape}: there is nothing to show")
    return a
