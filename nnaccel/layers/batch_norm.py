"""Batch normalisation layer."""

from __future__ import annotations

from typing import Any

from nnaccel import ops
from nnaccel.backends import Array, kernels_only
from nnaccel.layers import initializers
from nnaccel.layers._base import Backward, Layer, Shape
from nnaccel.layers._images import as_images, image_shape
from nnaccel.layers.initializers import Initializer
from nnaccel.ops import _check

__all__ = ["BatchNorm"]

_ZEROS, _ONES = initializers.get("zeros"), initializers.get("ones")


class BatchNorm(Layer):
    """Normalise each channel of images, or each feature, to a learned mean and deviation.

    Training uses the statistics of the batch, inference their running means. Defaults and the
    biased running variance are Keras's; PyTorch's `momentum` is one minus this one. With 0.99 the
    running means need some hundred steps: take 0.9 for short trainings.

    Parameters
    ----------
    momentum : float in [0, 1], default 0.99
        Share of the running statistics kept at each step.
    epsilon : float, default 1e-3
        Above 0; added to the variance.
    name : str, optional
        Unique within a model; chosen for you by default.

    Raises
    ------
    ValueError
        If a number is out of its range.

    References
    ----------
    S. Ioffe and C. Szegedy, "Batch normalization: accelerating deep network training by reducing
    internal covariate shift", 2015.

    Examples
    --------
    >>> import numpy as np
    >>> layer = BatchNorm()
    >>> layer.build((1,))
    >>> layer.forward(np.array([[1], [3]], np.float32), training=True)[0].round(2)
    array([[-1.],
           [ 1.]], dtype=float32)
    """

    kernel_names = "batch_norm", "batch_norm_backward"
    weight_decay = False

    def __init__(
        self, momentum: float = 0.99, epsilon: float = 1e-3, *, name: str | None = None
    ) -> None:
        super().__init__(name)
        _check.batch_norm(momentum, epsilon)
        self.momentum, self.epsilon = float(momentum), float(epsilon)

    def parameter_specs(self, input_shape: Shape) -> dict[str, tuple[Shape, Initializer]]:
        """Return gamma and beta (C,)."""
        shape = (self._channels(input_shape),)
        return {"gamma": (shape, _ONES), "beta": (shape, _ZEROS)}

    def state_specs(self, input_shape: Shape) -> dict[str, tuple[Shape, Initializer]]:
        """Return the running statistics (C,)."""
        shape = (self._channels(input_shape),)
        return {"running_mean": (shape, _ZEROS), "running_var": (shape, _ONES)}

    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return `input_shape`."""
        self._channels(input_shape)
        return input_shape

    @kernels_only
    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Backward]:
        """Return x normalised, and the backward; training updates the running statistics."""
        images, gamma = as_images(x), self.params["gamma"]
        training = training and self.trainable  # a frozen layer keeps its statistics, as in Keras
        y, *statistics = ops.batch_norm(
            images,
            gamma,
            self.params["beta"],
            **self.state,
            training=training,
            momentum=self.momentum,
            epsilon=self.epsilon,
        )

        def backward(dy: Array, input_gradient: bool) -> Array | None:
            dx, _, _ = ops.batch_norm_backward(
                as_images(dy),
                images,
                gamma,
                *statistics,
                training=training,
                input_gradient=input_gradient,
                out=(self.grads["gamma"], self.grads["beta"]) if self.trainable else None,
            )
            return None if dx is None else dx.reshape(x.shape)

        return y.reshape(x.shape), backward

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"momentum": self.momentum, "epsilon": self.epsilon, "name": self.name}

    def _channels(self, input_shape: Shape) -> int:
        """Return the number of channels or features."""
        return input_shape[0] if len(input_shape) == 1 else image_shape(self, input_shape)[0]
