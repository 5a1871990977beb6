"""Windows whose size is a compile-time constant.

The compiler unrolls the loops over taps, issues all their loads at once, and turns divisions by the
stride into shifts. Only common sizes are compiled so; other windows stay arguments of one kernel.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from nnaccel_kernels.cuda.runtime.index import device
from nnaccel_kernels.window import Window

FixedSize = tuple[tuple[int, int], tuple[int, int]] | None  # kernel size and stride


def fixed_size(window: Window) -> FixedSize:
    """Kernel size and stride of a common window, else None."""
    (r, s), (down, across) = window.kernel_size, window.stride
    is_common = r == s in (2, 3) and down == across <= r and window.dilation == (1, 1)
    return (window.kernel_size, window.stride) if is_common else None


@cache
def fixed_window(size: FixedSize) -> Any:
    """A device function that gives its window, with a fixed size as constants."""
    if size is None:

        @device
        def unchanged(window):  # type: ignore[no-untyped-def]
            return window

        return unchanged
    kernel_size, stride = size

    @device
    def with_constants(window):  # type: ignore[no-untyped-def]
        return Window(kernel_size, stride, window.padding, (1, 1))

    return with_constants


def named_by_size(function: Any, size: FixedSize) -> Any:
    """The function, with a fixed size added to the name that profilers show."""
    if size is not None:
        (r, s), (stride, _) = size
        function.__name__ = f"{function.__name__}_{r}x{s}_{stride}"
    return function
