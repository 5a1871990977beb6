"""Ruled lines, and frames: thin, straight, and nearly as long as the page."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

#: Share of the page's width that is ink along a ruled line, and that is no more than the line.
_INK, _BARE = 0.8, 0.4
#: A line's thickness, at most, as a share of the page's other side.
_THICKNESS = 0.05
#: Rows beside a line that its edges may lie in.
_BESIDE = 2
#: Rows down for each column to the right: the slopes that are tried.
_SLOPES = np.linspace(-0.1, 0.1, 51)


def without_rules(mask: Mask) -> Mask:
    """Take out ruled lines, level or upright, but not the strokes that cross them."""
    level = _level_rules(mask)
    upright = _level_rules(mask.T).T
    return mask & ~(level | upright)


def _level_rules(mask: Mask) -> Mask:
    """Pixels of the lines from left to right that run with the best slope, but not of strokes."""
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    runs = _run_lengths(mask)[rows, columns]
    thin = runs <= max(1, _THICKNESS * height)
    found, starts, most = np.zeros(height, bool), rows, 0
    for slope in _SLOPES:
        at = rows - np.rint(slope * (columns - width // 2)).astype(int)
        at = np.minimum(np.maximum(at, -1), height)  # where its line crosses the middle column
        lines = np.bincount(at + 1, minlength=height + 2)[1:-1] >= _INK * width
        if not lines.any():
            continue
        bare = np.bincount(at[thin] + 1, minlength=height + 2)[1:-1]
        lines &= bare >= _BARE * width
        if (total := bare[lines].sum()) > most:
            found, starts, most = lines, at, total
    rules = np.zeros_like(mask)
    near = np.convolve(found, np.ones(2 * _BESIDE + 1), "same") > 0
    on_line = thin & (starts >= 0) & (starts < height)
    on_line[on_line] = near[starts[on_line]]
    if on_line.any():
        on_line &= runs <= 1.5 * np.median(runs[on_line]) + 1
    rules[rows[on_line], columns[on_line]] = True
    return rules


def _run_lengths(mask: Mask) -> NDArray[np.int64]:
    """Length of the vertical run of set pixels that each set pixel is part of."""
    height, width = mask.shape
    padded = np.zeros((height + 2, width), np.int8)
    padded[1:-1] = mask
    steps = np.diff(padded, axis=0).T  # column after column
    starts, ends = np.nonzero(steps == 1)[1], np.nonzero(steps == -1)[1]
    lengths = np.zeros((width, height), np.int64)
    lengths[mask.T] = np.repeat(ends - starts, ends - starts)
    return lengths.T
