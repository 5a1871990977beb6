"""Global pooling layers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from nnaccel import ops
from nnaccel.backends import Array, kernels_only
from nnaccel.layers._base import Backward, Layer, Shape
from nnaccel.layers._images import as_images, image_shape

__all__ = ["GlobalAvgPool2D", "GlobalMaxPool2D"]


class GlobalPooling(Layer):
    """Pooling of whole images: one number for each channel."""

    @abstractmethod
    def _pool(self, x: Array) -> tuple[Array, Callable[[Array], Array]]:
        """Return the pooled images, (N, C, 1, 1), and the backward: from dy to dx."""

    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return (C,)."""
        return image_shape(self, input_shape)[:1]

    @kernels_only
    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Backward]:
        """Return a number for each channel, and the backward."""
        y, to_image = self._pool(as_images(x))

        def backward(dy: Array, input_gradient: bool) -> Array | None:
            return to_image(dy.reshape(y.shape)).reshape(x.shape) if input_gradient else None

        return y.reshape(y.shape[:2]), backward


class GlobalAvgPool2D(GlobalPooling):
    """Mean of each channel.

    Inputs are (C, H, W), or (H, W) for one channel; outputs (C,).

    Parameters
    ----------
    name : str, optional
        Unique within a model; chosen for you by default.

    References
    ----------
    M. Lin, Q. Chen and S. Yan, "Network in network", 2014.

    Examples
    --------
    >>> import numpy as np
    >>> GlobalAvgPool2D().forward(np.arange(8.0).reshape(1, 2, 2, 2))[0]
    array([[1.5, 5.5]])
    """

    kernel_names = "avg_pool2d", "avg_pool2d_backward"

    def _pool(self, x: Array) -> tuple[Array, Callable[[Array], Array]]:
        size = x.shape[2:]
        return ops.avg_pool2d(x, size), lambda dy: ops.avg_pool2d_backward(dy, x, size)


class GlobalMaxPool2D(GlobalPooling):
    """Maximum of each channel.

    Inputs are (C, H, W), or (H, W) for one channel; outputs (C,).

    Parameters
    ----------
    name : str, optional
        Unique within a model; chosen for you by default.

    Examples
    --------
    >>> import numpy as np
    >>> GlobalMaxPool2D().forward(np.arange(8.0).reshape(1, 2, 2, 2))[0]
    array([[3., 7.]])
    """

    kernel_names = "max_pool2d", "max_pool2d_backward"

    def _pool(self, x: Array) -> tuple[Array, Callable[[Array], Array]]:
        size = x.shape[2:]
        y = ops.max_pool2d(x, size)
        return y, lambda dy: ops.max_pool2d_backward(dy, x, y, size)
