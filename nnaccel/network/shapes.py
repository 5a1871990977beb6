"""Shapes along a chain of layers, from the shape of its inputs as users give it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnaccel._validate import whole_number
from nnaccel.layers import Chain, Layer, Parallel, Residual, Shape, _running
from nnaccel.layers._images import channels_last
from nnaccel.layers._several import is_of_several
from nnaccel.layers._tree import leaves


def infer_shapes(layers: Sequence[Layer], input_shape: Sequence[int]) -> list[Shape]:
    """Return each layer's input shape, then the output shape.

    Parameters
    ----------
    layers : sequence of Layer
    input_shape : sequence of int, or sequence of such
        Of one input, or of each of several.

    Raises
    ------
    ValueError
        If it is no such shape, or a layer does not fit; the message names the layer.
    """
    if not layers:
        raise ValueError("the model has no layers: add some, such as Dense(10, 'softmax')")
    if isinstance(input_shape, int) or not is_of_several(input_shape):
        shape = _without_batch(input_shape)
        return _running.infer_shapes(layers, shape, channels_last(leaves(layers), shape))
    if not may_take_several(layers):
        raise ValueError(
            f"{len(input_shape)} inputs, but the first layer is {layers[0].name!r}. To "
            "fix: begin with Parallel, which has a branch for each"
        )
    shapes: Any = tuple(map(_without_batch, input_shape))
    return _running.infer_shapes(layers, shapes)


def may_take_several(layers: Sequence[Layer]) -> bool:
    """Whether inputs may be a tuple of arrays: the first layer has a branch for each."""
    first = layers[0] if layers else None
    while isinstance(first, Chain):
        first = first.layers[0]
    return isinstance(first, Parallel) and not isinstance(first, Residual)


def _without_batch(shape: Any) -> Shape:
    """Return the shape of one input; ValueError if it is none, or has an axis for the batch."""
    if not isinstance(shape, int) and None not in shape:
        return tuple(whole_number("input_shape", n) for n in shape)
    sizes = [shape] if isinstance(shape, int) else list(shape)[shape[0] is None :]
    wanted = repr(tuple(sizes)) if None not in sizes else "a whole number for each axis"
    raise ValueError(
        f"input_shape={shape!r} must be the shape of one input, without an axis for the batch. To "
        f"fix: give {wanted}"
    )
