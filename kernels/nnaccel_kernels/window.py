"""The sliding window of convolutions and pooling, and the plan of a convolution."""

from __future__ import annotations

from typing import NamedTuple


class Window(NamedTuple):
    """A grid of taps that slides over an image.

    Attributes
    ----------
    kernel_size : (R, S)
        Taps down and across.
    stride : (down, across)
        Pixels from one position to the next.
    padding : (top, bottom, left, right)
        Rows and columns of zeros around the image; negative numbers crop.
    dilation : (down, across)
        Pixels from one tap to the next.
    """

    kernel_size: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns that the window spans, gaps between taps included."""
        (r, s), (down, across) = self.kernel_size, self.dilation
        return (r - 1) * down + 1, (s - 1) * across + 1

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Positions down and across an image; 0 or less if the image is too small."""
        (rows, cols), (top, bottom, left, right) = self.extent, self.padding
        return (
            (height + top + bottom - rows) // self.stride[0] + 1,
            (width + left + right - cols) // self.stride[1] + 1,
        )


class ConvolutionPlan(NamedTuple):
    """The implementation that computes a convolution.

    Attributes
    ----------
    algorithm : str
        'im2col', 'direct', 'gemm' or 'winograd'; a backend with several implementations of one says
        which, as in 'gemm-planes'.
    workspace : int
        Bytes it takes besides its arguments and results.
    why : str
        The reason for the choice, in a few words.
    """

    algorithm: str
    workspace: int
    why: str
