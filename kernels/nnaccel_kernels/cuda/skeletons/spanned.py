"""Sums over the positions whose windows span a pixel: what gradients of images are."""

from __future__ import annotations

from typing import Any

from nnaccel_kernels.cuda.runtime.index import column_tap, device, is_on, row_tap
from nnaccel_kernels.cuda.skeletons.known import clamped


@device
def _rows_from(h, window):  # type: ignore[no-untyped-def]
    """First of the position rows whose windows may span row h, and how many: the same for all."""
    stride = window.stride[0]
    count = (window.dilation[0] * (window.kernel_size[0] - 1) + stride) // stride
    return (h + window.padding[0]) // stride - count + 1, count


@device
def _columns_from(v, window):  # type: ignore[no-untyped-def]
    """First of the position columns whose windows may span column v, and how many."""
    stride = window.stride[1]
    count = (window.dilation[1] * (window.kernel_size[1] - 1) + stride) // stride
    return (v + window.padding[2]) // stride - count + 1, count


@device
def _is_tap(r, s, window):  # type: ignore[no-untyped-def]
    """Whether a window has a tap of such numbers."""
    return 0 <= r < window.kernel_size[0] and 0 <= s < window.kernel_size[1]


def spanned(term: Any) -> Any:
    """A device function f(n, c, h, v, a, window, args) that adds up `term`, a plain function.

    It is the sum of term(n, c, i, j, r, s, is_over, a, window, args) over the positions (i, j) of
    `a` at which tap (r, s) of the window lies on pixel (h, v). The term is asked for neighbours of
    those too, without `is_over` and with (i, j) clamped to `a`, and does not count there: so all
    loads are on their way at once.
    """
    each = device(term)

    @device
    def total(n, c, h, v, a, window, args):  # type: ignore[no-untyped-def]
        top, down = _rows_from(h, window)
        left, across = _columns_from(v, window)
        zero = found = a.dtype.type(0)
        for p in range(down):
            i = top + p
            r = row_tap(i, h, window)
            for q in range(across):
                j = left + q
                s = column_tap(j, v, window)
                is_over = _is_tap(r, s, window) and is_on(i, j, a)
                near = clamped(i, a.shape[2]), clamped(j, a.shape[3])
                value = each(n, c, near[0], near[1], r, s, is_over, a, window, args)
                found += value if is_over else zero
        return found

    return total
