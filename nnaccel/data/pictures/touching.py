"""Digits that touch the border of their picture, told from edges and shadows that do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nnaccel.data.pictures.parts import CONTRAST, INK, Parts, connected_parts
from nnaccel.data.pictures.rules import without_rules

Grey = NDArray[np.float64]

#: An edge has less than such a share of its ink farther from the border than such a share of it.
_INSIDE, _EDGE = 0.4, 0.12
#: Share of the ink that is in the digit, at least.
_MOST = 0.5
#: Share of the picture that no digit covers.
_FULL = 0.65


def is_cut_close(contrast: Grey) -> bool:
    """Whether the picture is cut close to its digit: one part that reaches all four sides."""
    ink = contrast > INK * contrast.max()
    if not all(side.any() for side in (ink[:2], ink[-2:], ink[:, :2], ink[:, -2:])):
        return False
    digit = _digit(contrast)
    if digit is None:
        return False
    top, left, bottom, right = digit.boxes[0]
    height, width = contrast.shape
    reaches_all = max(top, left, height - bottom, width - right) <= 1
    return reaches_all and bool(digit.mask().mean() < _FULL)


def is_one_thing(contrast: Grey) -> bool:
    """Whether most of the ink is in one part that is no edge, though it may touch the border."""
    return _digit(contrast) is not None


def _digit(contrast: Grey) -> Parts | None:
    """The part with most of the ink, if there is one and it is no edge."""
    if contrast.max() < CONTRAST:
        return None
    parts = connected_parts(without_rules(contrast > INK * contrast.max()), contrast)
    largest = parts.chosen(parts.sums >= _MOST * max(contrast.sum(), 1))
    if not len(largest.numbers):
        return None
    ink = largest.mask()
    rows, columns = (round(_EDGE * side) for side in ink.shape)
    inside = ink[rows : len(ink) - rows, columns : len(ink[0]) - columns]
    return largest if inside.sum() >= _INSIDE * ink.sum() else None
