"""Max and average pooling layers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from nnaccel import ops
from nnaccel.backends import Array, kernels_only
from nnaccel.layers._base import Backward, Shape
from nnaccel.layers._images import Sliding, as_images
from nnaccel.ops import _check, _geometry
from nnaccel.ops._geometry import Padding, Size

__all__ = ["AvgPool2D", "MaxPool2D"]


class Pooling(Sliding):
    """Pooling under a window that slides over each channel of images."""

    def __init__(
        self,
        pool_size: Size = 2,
        stride: Size | None = None,
        padding: Padding = 0,
        dilation: Size = 1,
        ceil_mode: bool = False,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.kernel_size = _geometry.pair("pool_size", pool_size)
        self._set_movement(self.kernel_size if stride is None else stride, padding, dilation)
        self.ceil_mode = _check.flag("ceil_mode", ceil_mode)
        self._check_padding()

    def _check_padding(self) -> None:
        """Raise a ValueError if a window at the edge could lie in the padding only."""
        if isinstance(self.padding, str):
            return
        (r, s), (down, across) = self.kernel_size, self.dilation
        height, width = (r - 1) * down + 1, (s - 1) * across + 1
        if 2 * max(self.padding[:2]) > height or 2 * max(self.padding[2:]) > width:
            raise ValueError(
                f"padding={self.padding} is more than half of a {height}x{width} window: some "
                "positions would have no pixel"
            )

    @abstractmethod
    def _pool(self, x: Array) -> tuple[Array, Callable[[Array], Array]]:
        """Return the pooled images (N, C, OH, OW), and the backward: from dy to dx."""

    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return (C, OH, OW)."""
        image = self.image_of(input_shape)
        return image[0], *self.positions(image, self.ceil_mode)

    @kernels_only
    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Backward]:
        """Return the pooled images, in the memory order of x, and their backward."""
        y, to_image = self._pool(as_images(x))
        return y, lambda dy, wanted: to_image(dy).reshape(x.shape) if wanted else None

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"pool_size": self.kernel_size, **self._op_settings(), "name": self.name}

    def _op_settings(self) -> dict[str, Any]:
        """Return the op's keyword arguments."""
        return {**self.movement, "ceil_mode": self.ceil_mode}


class MaxPool2D(Pooling):
    """Maximum under each position of a window, channel by channel.

    Inputs are (C, H, W), or (H, W) for one channel; outputs (C, OH, OW).

    Parameters
    ----------
    pool_size : int or (R, S), default 2
        Taps of the window, down and across.
    stride : int or (down, across), optional
        Pixels from one position of the window to the next; `pool_size` by default.
    padding : int, (down, across), (top, bottom, left, right), 'same' or 'valid', default 0
        Rows and columns by which the window extends beyond the image; they do not count.
    dilation : int or (down, across), default 1
        Pixels from one tap of the window to the next.
    ceil_mode : bool, default False
        Whether a last window that starts before the end padding may extend beyond it.
    name : str, optional
        Unique within a model; chosen for you by default.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> y, _ = MaxPool2D(2).forward(np.arange(8.0).reshape(1, 1, 2, 4))
    >>> y
    array([[[[5., 7.]]]])
    """

    kernel_names = "max_pool2d", "max_pool2d_backward"

    def _pool(self, x: Array) -> tuple[Array, Callable[[Array], Array]]:
        settings = self._op_settings()
        y = ops.max_pool2d(x, self.kernel_size, **settings)
        return y, lambda dy: ops.max_pool2d_backward(dy, x, y, self.kernel_size, **settings)


class AvgPool2D(Pooling):
    """Mean under each position of a window, channel by channel.

    Inputs are (C, H, W), or (H, W) for one channel; outputs (C, OH, OW).

    Parameters
    ----------
    pool_size, stride, padding, dilation, ceil_mode
        As for `MaxPool2D`.
    count_include_pad : bool, default True
        Whether the padding counts as zeros; pixels beyond it, in `ceil_mode`, never count.
    name : str, optional
        Unique within a model; chosen for you by default.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> y, _ = AvgPool2D(2).forward(np.arange(8.0).reshape(1, 1, 2, 4))
    >>> y
    array([[[[2.5, 4.5]]]])
    """

    kernel_names = "avg_pool2d", "avg_pool2d_backward"

    def __init__(
        self,
        pool_size: Size = 2,
        stride: Size | None = None,
        padding: Padding = 0,
        dilation: Size = 1,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(pool_size, stride, padding, dilation, ceil_mode, name=name)
        self.count_include_pad = _check.flag("count_include_pad", count_include_pad)

    def _pool(self, x: Array) -> tuple[Array, Callable[[Array], Array]]:
        settings = self._op_settings()
        y = ops.avg_pool2d(x, self.kernel_size, **settings)
        return y, lambda dy: ops.avg_pool2d_backward(dy, x, self.kernel_size, **settings)

    def _op_settings(self) -> dict[str, Any]:
        return {**super()._op_settings(), "count_include_pad": self.count_include_pad}
