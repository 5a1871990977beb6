"""Windows whose sizes compilers know: loops over taps come apart, and divisions turn into shifts.

A kernel over such a window has the loads of all its taps on their way at a time. Others get the
sizes when they run, so that not every window has to be compiled.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.window import Window

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
def clamped(index, size):  # type: ignore[no-untyped-def]
    """The nearest index that there is: what lies there can be loaded, whether or not it counts."""
    index = 0 if index < 0 else index
    return size - 1 if index >= size else index
