"""Layers one after another: their shapes, and their forward and backward passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

from nnaccel.backends import Array, is_kernels_only
from nnaccel.layers._base import Backward, Layer, Shape
from nnaccel.layers._host import host_forward
from nnaccel.layers._names import naming
from nnaccel.layers._tree import is_live

#: What `run_layers` has made of a layer's forward pass, in this context: it times them, say.
watch: ContextVar[Callable[[Layer, Callable[..., Any]], Callable[..., Any]] | None] = ContextVar(
    "watch", default=None
)


def infer_shapes(layers: Sequence[Layer], shape: Shape, hint: str = "") -> list[Shape]:
    """Return each layer's input shape, then the output shape.

    A ValueError names the layer, and ends with the hint.
    """
    shapes = [shape]
    for layer in layers:
        with naming(layer, hint):
            shapes.append(layer.infer_shape(shapes[-1]))
    return shapes


def run_layers(
    layers: Sequence[Layer], x: Array, training: bool, activate: bool = True
) -> tuple[Array, Backward]:
    """Return the output of the last layer, and the backward pass through all.

    Parameters
    ----------
    layers : sequence of Layer
        None gives x itself.
    x : array, shape (N, ...)
    training : bool
        Whether this is a training step.
    activate : bool, default True
        False leaves out the last layer's activation.

    Returns
    -------
    y : array
    backward : callable
        As of a layer; it ends at the lowest layer that is trained, unless dx is wanted.
    """
    last, backwards, watched = len(layers) - 1, [], watch.get()
    for index, layer in enumerate(layers):
        forward: Callable[..., Any] = layer.forward
        if not is_kernels_only(forward):
            forward = host_forward(layer)
        if watched is not None:
            forward = watched(layer, forward)
        x, backward = forward(x, training, activate or index < last)
        backwards.append(backward)

    def run_back(dy: Array, input_gradient: bool) -> Array | None:
        live = (index for index, layer in enumerate(layers) if is_live(layer))
        stop = 0 if input_gradient else next(live, len(layers))
        for index in range(last, stop - 1, -1):
            dy = backwards[index](dy, input_gradient or index > stop)
        return dy if input_gradient else None

    return x, run_back
