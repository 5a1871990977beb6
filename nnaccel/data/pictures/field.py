"""The field of MNIST: a digit cropped, scaled to a box and set in by its centre of mass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float64]

#: Share of the full contrast below which a pixel counts as paper when the digit is cropped.
_FAINT = 0.1


def in_field(ink: Grey, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Set ink from 0 to 1 into a field of `shape` as MNIST's digits are in theirs of 28 by 28."""
    return _centre(_fit(_crop(ink), *box_in(shape)), shape)


def box_in(shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of the box that the digit fills."""
    rows, columns = (side if _is_small(side) else round(side * 20 / 28) for side in shape)
    return rows, columns


def _is_small(side: int) -> bool:
    """Whether a field is so small that the digit fills it, as in `nnaccel.data.digits`."""
    return side < 16


def _crop(ink: Grey) -> Grey:
    """Cut away the rows and columns around the digit."""
    rows, columns = (np.flatnonzero((ink > _FAINT).any(axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _fit(ink: Grey, rows: int, columns: int) -> Grey:
    """Scale to touch the sides of a box from within, keeping the aspect and the full contrast."""
    from PIL import Image

    scale = min(rows / ink.shape[0], columns / ink.shape[1])
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    image = Image.fromarray(ink.astype(np.float32))
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    scaled: Grey = np.asarray(resized, np.float64).clip(0)
    scaled /= scaled.max()
    return scaled


def _centre(ink: Grey, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Set into an empty field, the centre of mass in its middle as far as there is room."""
    field = np.zeros(shape, np.uint8)
    corner = []
    for axis, (side, length) in enumerate(zip(shape, ink.shape, strict=True)):
        mass = ink.sum(axis=1 - axis)
        centre = (mass * (np.arange(length) + 0.5)).sum() / mass.sum()
        middle = side / 2 if _is_small(side) else side // 2 + 0.5  # MNIST's is in pixel 14
        corner.append(int(np.clip(round(middle - centre), 0, side - length)))
    top, left = corner
    field[top : top + ink.shape[0], left : left + ink.shape[1]] = np.rint(255 * ink)
    return field
