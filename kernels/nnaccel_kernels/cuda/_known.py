"""Windows whose sizes compilers know: loops over taps come apart, and divisions turn into shifts.

A kernel over such a window has the loads of all its taps on their way at a time. Others get the
sizes when they run, so that not every window has to be compiled.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from nnaccel_kernels._window import Window
from nnaccel_kernels.cuda._device import device

Kind = tuple[tuple[int, int], tuple[int, int]] | None


def kind_of(window: Window) -> Kind:
    """Kernel size and stride of a window that many networks have, else None."""
    (r, s), (down, across) = window.kernel_size, window.stride
    is_common = r == s in (2, 3) and down == across <= r and window.dilation == (1, 1)
    return (window.kernel_size, window.stride) if is_common else None


@cache
def known(kind: Kind) -> Any:
    """A device function from a window to the same, with what its kind says for constants."""
    if kind is None:

        @device
        def as_given(window):  # type: ignore[no-untyped-def]
            return window

        return as_given
    kernel_size, stride = kind

    @device
    def with_constants(window):  # type: ignore[no-untyped-def]
        return Window(kernel_size, stride, window.padding, (1, 1))

    return with_constants


def label(function: Any, kind: Kind) -> Any:
    """The function, under a name that tells its kind to profilers."""
    if kind is not None:
        (r, s), (stride, _) = kind
        function.__name__ = f"{function.__name__}_{r}x{s}_{stride}"
    return function


@device
def rows_from(h, window):  # type: ignore[no-untyped-def]
    """First of the position rows whose windows may span row h, and how many: the same for all."""
    stride = window.stride[0]
    count = (window.dilation[0] * (window.kernel_size[0] - 1) + stride) // stride
    return (h + window.padding[0]) // stride - count + 1, count


@device
def columns_from(v, window):  # type: ignore[no-untyped-def]
    """First of the position columns whose windows may span column v, and how many."""
    stride = window.stride[1]
    count = (window.dilation[1] * (window.kernel_size[1] - 1) + stride) // stride
    return (v + window.padding[2]) // stride - count + 1, count


@device
def is_tap(r, s, window):  # type: ignore[no-untyped-def]
    """Whether a window has a tap of such numbers."""
    return 0 <= r < window.kernel_size[0] and 0 <= s < window.kernel_size[1]


@device
def clamped(index, size):  # type: ignore[no-untyped-def]
    """The nearest index that there is: what lies there can be loaded, whether or not it counts."""
    index = 0 if index < 0 else index
    return size - 1 if index >= size else index
