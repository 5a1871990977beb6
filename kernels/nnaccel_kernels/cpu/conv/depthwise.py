"""Depthwise convolution of stride 1 on C-contiguous images: a plane at a time.

Rows of a plane are copied with their padding. There a tap is an offset, the same for all positions,
so that sums run along the whole copy in vectors, over the padding too; what they give there is left
out.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from nnaccel_kernels.cpu.activation import activate_span
from nnaccel_kernels.cpu.matmul.epilogue import Epilogue
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for
from nnaccel_kernels.cpu.runtime.thread_pool import thread_pool
from nnaccel_kernels.cpu.runtime.workspace import scratch
from nnaccel_kernels.cpu.vector.rows import add_to_rows
from nnaccel_kernels.cpu.windows.dots import TAPS, tap_dots
from nnaccel_kernels.cpu.windows.taps import shared_products
from nnaccel_kernels.window import Window

_PIECE_BYTES = 1 << 14  # of a plane with its padding: half of the L1 cache


class Slide(NamedTuple):
    """How a window slides over planes, and the pieces, of some rows of positions, they are cut in.

    `top` and `left` are the padding, `height` and `width` the numbers of positions.
    """

    down: int
    across: int
    dilation_down: int
    dilation_across: int
    top: int
    left: int
    height: int
    width: int
    rows: int
    pieces: int


def slide_of(window: Window, size: tuple[int, int], itemsize: int, adjoint: bool = False) -> Slide:
    """The slide that gives planes of this size: of the output, or of the input in the adjoint."""
    (down, across), _, (top, _, left, _), (high, wide) = window
    if adjoint:
        top, left = (down - 1) * high - top, (across - 1) * wide - left
    height, width = size
    pitch = width + (across - 1) * wide
    rows = max(1, min(height, _PIECE_BYTES // max(1, pitch * itemsize)))
    pieces = -(-height // rows)
    rows = -(-height // max(1, pieces))
    return Slide(down, across, high, wide, top, left, height, width, rows, pieces)


def workspace_of(slide: Slide) -> int:
    """Elements of workspace of a thread: a piece with its padding, and its sums."""
    height, pitch = _extent(slide, slide.rows)
    return int((height + slide.rows) * pitch) + slide.down * slide.across + TAPS


@register_jitable
def _extent(slide, rows):  # type: ignore[no-untyped-def]
    """Height and width of the pixels under some rows of positions."""
    return (
        rows + (slide.down - 1) * slide.dilation_down,
        slide.width + (slide.across - 1) * slide.dilation_across,
    )


@register_jitable
def _load(slide, x, at, height, width, first, rows, band):  # type: ignore[no-untyped-def]
    """Fill the band with the pixels of the plane at x[at] under rows of positions from `first`."""
    deep, pitch = _extent(slide, rows)
    band[: deep * pitch] = 0
    top, left = first - slide.top, -slide.left
    begin, end = max(0, -top), min(deep, height - top)
    near, far = max(0, -left), min(pitch, width - left)
    if begin < end and near < far:
        add_to_rows(
            end - begin, far - near, x, at + (top + begin) * width + left + near, width,
            band, begin * pitch + near, pitch, band.dtype.type(-0.0),
        )  # fmt: skip


@kernel
def _convolve(rank, size, slide, x, w, adjoint, b, code, alpha, y, workspaces):  # type: ignore[no-untyped-def]
    """y = f(x convolved with w (K, taps), one channel a group, + b), or x's adjoint of that."""
    work = workspaces[rank]
    _, sources, height, width = x.shape
    images, targets, _, _ = y.shape
    taps = w.shape[1]
    each = sources // targets if adjoint else targets // sources
    flat_x, flat_y = x.reshape(-1), y.reshape(-1)
    lo, hi = share(images * targets * slide.pieces, rank, size)
    for item in range(lo, hi):
        plane, first = item // slide.pieces, item % slide.pieces * slide.rows
        n, target = plane // targets, plane % targets
        rows = min(slide.rows, slide.height - first)
        deep, pitch = _extent(slide, rows)
        sums = deep * pitch
        for m in range(each if adjoint else 1):
            source = target * each + m if adjoint else target // each
            at = (n * sources + source) * height * width
            _load(slide, flat_x, at, height, width, first, rows, work)
            tap, sign = ((source + 1) * taps - 1, -1) if adjoint else (target * taps, 1)
            shared_products(
                ((rows - 1) * pitch + slide.width, slide.down, slide.across),
                (work, 0, slide.dilation_down * pitch, slide.dilation_across, 1),
                (w, tap, sign * slide.across, sign, 0),
                (work, sums, 0, 0, 1),
                m,
            )
        at = (plane * slide.height + first) * slide.width
        bias = b[target] if b.size else work.dtype.type(-0.0)
        add_to_rows(rows, slide.width, work, sums, pitch, flat_y, at, slide.width, bias)
        activate_span(code, alpha[0], flat_y[at : at + rows * slide.width])


@kernel
def _weight_gradient(rank, size, slide, offsets, x, dy, dw, workspaces):  # type: ignore[no-untyped-def]
    """dw (K, taps) of convolving x, one channel a group, of which dy is the gradient."""
    work = workspaces[rank]
    images, channels, height, width = x.shape
    filters, taps = dw.shape
    blocks = offsets.size
    flat_x, flat_dy, band = x.reshape(-1), dy.reshape(-1), work[blocks:]
    lo, hi = share(filters, rank, size)
    for k in range(lo, hi):
        work[:blocks] = 0
        for item in range(images * slide.pieces):
            n, first = item // slide.pieces, item % slide.pieces * slide.rows
            rows = min(slide.rows, slide.height - first)
            plane = n * channels + k * channels // filters
            _load(slide, flat_x, plane * height * width, height, width, first, rows, band)
            at = ((n * filters + k) * slide.height + first) * slide.width
            pitch = _extent(slide, rows)[1]
            for block in range(0, blocks, TAPS):
                tap_dots(
                    rows, slide.width, flat_dy, at, slide.width, band, 0, pitch,
                    offsets, block, work, block,
                )  # fmt: skip
        for tap in range(taps):
            dw[k, tap] = work[tap]


def convolve(
    x: np.ndarray, w: np.ndarray, epilogue: Epilogue, slide: Slide, adjoint: bool, y: np.ndarray
) -> None:
    """y = f(x convolved with w (K, taps), or its adjoint, plus b)."""
    _convolve(
        slide, x, w, adjoint, *epilogue, y, _workspaces(slide, y.dtype),
        width=threads_for(2.0 * max(x.size, y.size) * w.shape[1]),
    )  # fmt: skip


def weight_gradient(dy: np.ndarray, x: np.ndarray, window: Window, dw: np.ndarray) -> None:
    """dw (K, taps) of conv2d."""
    slide = slide_of(window, dy.shape[2:], dw.itemsize)
    offsets = _offsets(slide, slide.down * slide.across)
    workspaces = _workspaces(slide, dw.dtype)
    width = threads_for(2.0 * dy.size * dw.shape[1])
    _weight_gradient(slide, offsets, x, dy, dw, workspaces, width=width)


def _workspaces(slide: Slide, dtype: np.dtype) -> np.ndarray:
    return scratch(dtype, (thread_pool().size, workspace_of(slide)))[0]


@lru_cache(maxsize=1024)
def _offsets(slide: Slide, taps: int) -> np.ndarray:
    """Elements from a position to the pixel under each tap; zeros fill up the last block."""
    offsets = np.zeros(-(-taps // TAPS) * TAPS, np.int64)
    down, across = np.divmod(np.arange(taps), slide.across)
    pitch = _extent(slide, slide.rows)[1]
    offsets[:taps] = down * slide.dilation_down * pitch + across * slide.dilation_across
    return offsets
