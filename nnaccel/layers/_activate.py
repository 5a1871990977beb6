"""Activations of what layers give: a softmax runs over classes, which images have as channels."""

from __future__ import annotations

from nnaccel import ops
from nnaccel.backends import Array
from nnaccel.ops.activation import activate, activate_backward

_OVER_CLASSES = {
    "softmax": (ops.softmax, ops.softmax_backward),
    "log_softmax": (ops.log_softmax, ops.log_softmax_backward),
}


def apply(name: str, x: Array, alpha: float | None = None) -> Array:
    """Return the activation of x; a softmax of images (N, C, H, W) runs over the channels."""
    if name in _OVER_CLASSES and x.ndim == 4:
        return _OVER_CLASSES[name][0](x, axis=1)
    return activate(name, x, alpha)


def apply_backward(
    name: str, dy: Array, x: Array | None, y: Array, alpha: float | None = None
) -> Array:
    """Return dx from dy, x and ``y = apply(name, x, alpha)``."""
    if name in _OVER_CLASSES and y.ndim == 4:
        return _OVER_CLASSES[name][1](dy, y, axis=1)
    return activate_backward(name, dy, x, y, alpha)
