"""How a window of taps slides over an image, and how a convolution is to be computed."""

from __future__ import annotations

from typing import NamedTuple


class Window(NamedTuple):
    """A grid of taps and how it moves.

    Attributes
    ----------
    kernel_size : (R, S)
        Taps down and across.
    stride : (down, across)
        Pixels from one position to the next.
    padding : (top, bottom, left, right)
        Rows and columns of zeros around the image; a negative number crops.
    dilation : (down, across)
        Pixels from one tap to the next.
    """

    kernel_size: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns from the first tap to the last, both counted."""
        (r, s), (down, across) = self.kernel_size, self.dilation
        return (r - 1) * down + 1, (s - 1) * across + 1

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """How many positions there are down and across an image; not above 0 if it is too small."""
        (rows, cols), (top, bottom, left, right) = self.extent, self.padding
        return (
            (height + top + bottom - rows) // self.stride[0] + 1,
            (width + left + right - cols) // self.stride[1] + 1,
        )


class ConvolutionPlan(NamedTuple):
    """How a convolution is computed.

    Attributes
    ----------
    algorithm : str
        'im2col', 'direct', 'gemm' or 'winograd'.
    workspace : int
        Bytes it takes besides its arguments and results.
    why : str
        What the choice rests on, in a few words.
    """

    algorithm: str
    workspace: int
    why: str
