"""Connected parts of the ink: which of them are the digit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnaccel.data.pictures.rules import without_rules

Grey = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Share of the strongest contrast from which on a pixel is ink.
INK = 0.3
#: Grey values between paper and ink, at least.
CONTRAST = 16
#: Smaller parts, as a share of the page's shorter side, are specks.
_SPECK = 0.06
#: And so are those smaller than such a share of the digit.
_SMALL_STROKE = 0.15
#: Width of a stroke's soft edge, at most, as a share of the digit's size.
_SOFT = 0.06
#: Strokes of a digit are no farther apart than such a share of its size.
_GAP = 0.25
#: A digit has no more strokes, broken ones included.
_MOST_STROKES = 5
#: Share of the digit's height from which on two strokes side by side are two digits.
_AS_HIGH = 0.75


class Parts(NamedTuple):
    """Connected parts by number, from 1: their labels, boxes and sums of contrast."""

    labels: NDArray[np.int32]
    numbers: NDArray[np.int64]
    boxes: NDArray[np.int64]  # top, left, bottom, right
    sums: NDArray[np.float64]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """The longer side of each part's box."""
        sizes: NDArray[np.int64] = np.max(self.boxes[:, 2:] - self.boxes[:, :2], axis=1, initial=0)
        return sizes

    def chosen(self, which: NDArray[np.bool_]) -> Parts:
        """Return these parts alone."""
        return Parts(self.labels, self.numbers[which], self.boxes[which], self.sums[which])

    def mask(self) -> Mask:
        """Where the parts are."""
        where: Mask = np.isin(self.labels, self.numbers)
        return where


class Found(NamedTuple):
    """Where the digit is, and what about the page is unlike one of a digit."""

    mask: Mask
    doubt: str


def find_digit(contrast: Grey) -> Found | None:
    """Find the pixels of the digit; None if nothing is clear of the border.

    Specks, ruled lines and whatever touches the border are left out, however dark they are.
    """
    contrast = contrast.copy()
    speck = max(2, _SPECK * min(contrast.shape))
    for _ in range(4):
        strongest = contrast.max()
        if strongest < CONTRAST:
            return None
        ink = contrast > INK * strongest
        parts = connected_parts(without_rules(ink), contrast)
        inside = parts.chosen(~_on_border(parts, contrast.shape) & (parts.sizes >= speck))
        if len(inside.numbers):
            digit = _strokes(inside)
            return Found(
                _with_soft_edge(digit.mask(), digit.sizes.max(), ink, contrast),
                _doubt(inside, digit),
            )
        contrast[_grown(ink, 2)] = 0  # the digit may be paler than all this
    return None


def connected_parts(mask: Mask, contrast: Grey) -> Parts:
    """Label the parts of a mask, which may touch at corners."""
    from scipy import ndimage

    labels, count = ndimage.label(mask, np.ones((3, 3)))
    boxes = [
        (rows.start, columns.start, rows.stop, columns.stop)
        for rows, columns in ndimage.find_objects(labels)
    ]
    numbers = np.arange(1, count + 1)
    sums = np.bincount(labels.ravel(), contrast.ravel(), count + 1)[1:].astype(np.float64)
    return Parts(labels, numbers, np.array(boxes, np.int64).reshape(-1, 4), sums)


def _on_border(parts: Parts, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    top, left, bottom, right = parts.boxes.T
    touches: Mask = (top == 0) | (left == 0) | (bottom == shape[0]) | (right == shape[1])
    return touches


def _strokes(parts: Parts) -> Parts:
    """The part with most ink, and those so near that they are strokes of the same digit."""
    chosen = parts.sums == parts.sums.max()
    while True:
        boxes = parts.boxes[chosen]
        top, left = boxes[:, :2].min(0)
        bottom, right = boxes[:, 2:].max(0)
        size = max(bottom - top, right - left)
        gaps = np.maximum(
            np.maximum(top - parts.boxes[:, 2], parts.boxes[:, 0] - bottom),
            np.maximum(left - parts.boxes[:, 3], parts.boxes[:, 1] - right),
        )
        near = chosen | ((gaps <= _GAP * size) & (parts.sizes >= _SMALL_STROKE * size))
        if (near == chosen).all():
            return parts.chosen(chosen)
        chosen = near


def _doubt(parts: Parts, digit: Parts) -> str:
    """What about this is unlike a page with one digit; empty if nothing is."""
    others = ~np.isin(parts.numbers, digit.numbers)
    far = (parts.sizes[others] >= digit.sizes.max() / 2).any()
    if far or len(digit.numbers) > _MOST_STROKES or _are_side_by_side(digit):
        return "more than one thing of a digit's size"
    return ""


def _are_side_by_side(digit: Parts) -> bool:
    """Whether two of the strokes, both nearly as high as the digit, stand beside each other."""
    top, left, bottom, right = digit.boxes.T
    is_high = bottom - top >= _AS_HIGH * (bottom.max() - top.min())
    beside = left[is_high][:, None] >= right[is_high]
    return bool(beside.any())


def _with_soft_edge(digit: Mask, size: int, ink: Mask, contrast: Grey) -> Mask:
    """Add the fainter pixels around, but no other part."""
    from scipy import ndimage

    within = (contrast > 0) & ~(ink & ~digit)
    steps = max(3, round(_SOFT * size))
    soft: Mask = ndimage.binary_dilation(digit, np.ones((3, 3)), steps, mask=within)
    return soft


def _grown(mask: Mask, by: int) -> Mask:
    from scipy import ndimage

    grown: Mask = ndimage.binary_dilation(mask, np.ones((3, 3)), by)
    return grown
