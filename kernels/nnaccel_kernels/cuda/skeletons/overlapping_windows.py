"""Sums over the windows that cover a pixel: the gradients of images."""

from __future__ import annotations

from typing import Any

from nnaccel_kernels.cuda.runtime.index import clamp, column_tap, device, is_inside, row_tap


@device
def _window_rows(h, window):  # type: ignore[no-untyped-def]
    """First position row whose windows may cover row h, and a count that is the same for all h."""
    stride = window.stride[0]
    count = (window.dilation[0] * (window.kernel_size[0] - 1) + stride) // stride
    return (h + window.padding[0]) // stride - count + 1, count


@device
def _window_columns(v, window):  # type: ignore[no-untyped-def]
    """First position column whose windows may cover column v, and how many columns may."""
    stride = window.stride[1]
    count = (window.dilation[1] * (window.kernel_size[1] - 1) + stride) // stride
    return (v + window.padding[2]) // stride - count + 1, count


@device
def _has_tap(r, s, window):  # type: ignore[no-untyped-def]
    """Whether the window has a tap (r, s)."""
    return 0 <= r < window.kernel_size[0] and 0 <= s < window.kernel_size[1]


def sum_over_windows(term: Any) -> Any:
    """A device function f(n, c, h, v, a, window, args) that sums `term`, a plain function.

    It is the sum of term(n, c, i, j, r, s, covers, a, window, args) over the positions (i, j) of
    `a` whose tap (r, s) lies on pixel (h, v). The term is also called for neighbouring positions
    that do not cover the pixel, with `covers` false and (i, j) clamped to `a`, and its value is
    dropped: without branches the compiler issues all loads at once.
    """
    value_of = device(term)

    @device
    def total(n, c, h, v, a, window, args):  # type: ignore[no-untyped-def]
        top, rows = _window_rows(h, window)
        left, columns = _window_columns(v, window)
        zero = sums = a.dtype.type(0)
        for p in range(rows):
            i = top + p
            r = row_tap(i, h, window)
            for q in range(columns):
                j = left + q
                s = column_tap(j, v, window)
                covers = _has_tap(r, s, window) and is_inside(i, j, a)
                at = clamp(i, a.shape[2]), clamp(j, a.shape[3])
                value = value_of(n, c, at[0], at[1], r, s, covers, a, window, args)
                sums += value if covers else zero
        return sums

    return total
