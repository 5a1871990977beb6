"""Images with rows and columns of zeros around them, or cropped."""

from __future__ import annotations

import numpy as np

from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for
from nnaccel_kernels.cpu.vector.runs import copy_run
from nnaccel_kernels.cpu.windows.parts import image_parts

__all__ = ["pad2d"]


@kernel
def _pad(rank, size, x, top, left, y):  # type: ignore[no-untyped-def]
    """Put x (planes, H, W) at (top, left) of y, with zeros around; a negative place crops."""
    height, width = y.shape[1], y.shape[2]
    begin, end = max(0, left), min(width, left + x.shape[2])
    lo, hi = share(y.shape[0] * height, rank, size)
    for item in range(lo, hi):
        n, i = item // height, item % height
        row = y[n, i]
        if not 0 <= i - top < x.shape[1] or begin >= end:
            row[:] = 0
        else:
            row[:begin] = 0
            copy_run(end - begin, x[n, i - top], begin - left, row, begin)
            row[end:] = 0


def pad2d(x: np.ndarray, padding: tuple[int, int, int, int], y: np.ndarray) -> None:
    """y = x with rows and columns of zeros around; negative padding crops."""
    top, _, left, _ = padding
    width = threads_for(y.size * 4.0)
    if x.flags.c_contiguous and y.flags.c_contiguous:
        source, target = (a.reshape(-1, *a.shape[2:]) for a in (x, y))
        _pad(source, top, left, target, width=width)
        return
    for target, source in image_parts(y, x):
        channels = target.shape[3]
        source, target = (a.reshape(*a.shape[:2], -1) for a in (source, target))
        _pad(source, top, left * channels, target, width=width)
