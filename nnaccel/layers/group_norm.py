"""Group normalisation layer."""

from __future__ import annotations

import math

from nnaccel._validate import check_range, whole_number
from nnaccel.backends import Array, get_namespace
from nnaccel.layers import initializers
from nnaccel.layers._base import Backward, Layer, Shape
from nnaccel.layers.initializers import Initializer

__all__ = ["GroupNorm"]


class GroupNorm(Layer):
    """Normalise each input over groups of its channels, then scale and shift each channel.

    Inputs are images (C, H, W), or rows whose features are the channels. Unlike `BatchNorm` it does
    not depend on the batch, and is the same in training and inference.

    Parameters
    ----------
    groups : int, default 32
        Must divide the channels; 1 normalises over all of them, as many as there are over each.
    epsilon : float, default 1e-3
        Above 0; added to the variance.
    name : str, optional
        Unique within a model; chosen for you by default.

    Raises
    ------
    ValueError
        If a number is out of its range, or the channels do not split into the groups.

    References
    ----------
    Y. Wu and K. He, "Group normalization", ECCV 2018.

    Examples
    --------
    >>> import numpy as np
    >>> layer = GroupNorm(groups=2)
    >>> layer.build((4,))
    >>> layer.forward(np.array([[1, 3, 10, 30]], np.float32))[0].round(2)
    array([[-1.,  1., -1.,  1.]], dtype=float32)
    """

    weight_decay = False

    def __init__(self, groups: int = 32, epsilon: float = 1e-3, *, name: str | None = None) -> None:
        super().__init__(name)
        self.groups = whole_number("groups", groups)
        check_range("epsilon", epsilon, 0, math.inf, open_low=True)
        self.epsilon = float(epsilon)

    def parameter_specs(self, input_shape: Shape) -> dict[str, tuple[Shape, Initializer]]:
        """Return gamma and beta, one for each channel."""
        ones, zeros = initializers.get("ones"), initializers.get("zeros")
        return {"gamma": (input_shape[:1], ones), "beta": (input_shape[:1], zeros)}

    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return `input_shape`."""
        if input_shape[0] % self.groups:
            raise ValueError(f"{input_shape[0]} channels do not split into {self.groups} groups")
        return input_shape

    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Backward]:
        """Return x normalised, and the backward."""
        xp, per_channel = get_namespace(x), (-1, *[1] * (x.ndim - 2))
        pixels = (0, *range(2, x.ndim))
        gamma, beta = (self.params[name].reshape(per_channel) for name in ("gamma", "beta"))
        members = math.prod(x.shape[1:]) // self.groups

        def grouped(a: Array) -> Array:
            return a.reshape(len(a), self.groups, members)

        def group_mean(a: Array) -> Array:
            return a.sum(axis=2)[:, :, None] / members

        centred = grouped(x) - group_mean(grouped(x))
        inverse = 1 / xp.sqrt(group_mean(centred * centred) + self.epsilon)
        normal = (centred * inverse).reshape(x.shape)

        def backward(dy: Array, input_gradient: bool) -> Array | None:
            self.grads["gamma"][...] = (dy * normal).sum(axis=pixels)
            self.grads["beta"][...] = dy.sum(axis=pixels)
            if not input_gradient:
                return None
            g, z = grouped(dy * gamma), grouped(normal)
            return ((g - group_mean(g) - z * group_mean(g * z)) * inverse).reshape(x.shape)

        return normal * gamma + beta, backward
