"""Arrays of PyTorch's and Keras's layers as those of ours: names, and orders of axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from nnaccel import layers
from nnaccel.layers import Layer, Shape
from nnaccel.network.chain import Network

Change = Callable[[Layer, np.ndarray, Shape | None], np.ndarray]


class Rule(NamedTuple):
    """An array of a layer: its name here, in PyTorch, its number in Keras, and what to do to it."""

    ours: str
    torch: str
    keras: str
    from_torch: Change
    from_keras: Change

    def named(self, library: str) -> str:
        """Return the name of the array in a library."""
        return self.torch if library == "torch" else self.keras

    def converted(self, library: str, layer: Layer, a: np.ndarray, image: Shape | None) -> Any:
        """Return the array as it is kept here."""
        change = self.from_torch if library == "torch" else self.from_keras
        return change(layer, a, image)


def _same(layer: Layer, a: np.ndarray, image: Shape | None) -> np.ndarray:
    return a


def _axes(*order: int) -> Change:
    return lambda layer, a, image: a.transpose(order)


def _one_row(*order: int) -> Change:
    return lambda layer, a, image: a.transpose(order)[:, :, None]


def _depthwise(layer: Layer, a: np.ndarray, image: Shape | None) -> np.ndarray:
    moved = a.transpose(2, 3, 0, 1)
    return moved.reshape(-1, 1, *moved.shape[2:])


def _channels_first(layer: Layer, a: np.ndarray, image: Shape | None) -> np.ndarray:
    """The first axis of a, which runs over pixels of images (H, W, C), as over (C, H, W)."""
    if image is None:
        return a
    c, h, w = image
    return (
        a.reshape(h, w, c, *a.shape[1:]).transpose(2, 0, 1, *range(3, a.ndim + 2)).reshape(a.shape)
    )


def _shaped(layer: Layer, a: np.ndarray, image: Shape | None) -> np.ndarray:
    """One number a feature, in the shape of an input."""
    wanted = layer.params["gamma"].shape
    return a.reshape(wanted) if a.size == layer.params["gamma"].size else a


def _slopes(layer: Layer, a: np.ndarray, image: Shape | None) -> np.ndarray:
    wanted = layer.params["alpha"].shape
    return a.reshape(wanted) if a.size == layer.params["alpha"].size else a


def _slopes_last(layer: Layer, a: np.ndarray, image: Shape | None) -> np.ndarray:
    return a.transpose(2, 0, 1) if a.ndim == 3 else a


def _weighted(from_torch: Change, from_keras: Change) -> list[Rule]:
    bias = Rule("b", "bias", "1", _same, _same)
    return [Rule("w", "weight", "0", from_torch, from_keras), bias]


_SCALE = [
    Rule("gamma", "weight", "0", _shaped, _shaped),
    Rule("beta", "bias", "1", _shaped, _shaped),
]
_NORM = [
    Rule("gamma", "weight", "0", _same, _channels_first),
    Rule("beta", "bias", "1", _same, _channels_first),
    Rule("running_mean", "running_mean", "2", _same, _channels_first),
    Rule("running_var", "running_var", "3", _same, _channels_first),
]


def _transposed(layer: Layer, a: np.ndarray, image: Shape | None) -> np.ndarray:
    return a.T


#: For each kind of layer what Keras calls it in files, and the rules of its arrays.
RULES: dict[type[Layer], tuple[str, list[Rule]]] = {
    layers.BatchNorm: ("batch_normalization", _NORM),
    layers.Conv1D: ("conv1d", _weighted(_one_row(0, 1, 2), _one_row(2, 1, 0))),
    layers.Conv2D: ("conv2d", _weighted(_same, _axes(3, 2, 0, 1))),
    layers.Conv2DTranspose: ("conv2d_transpose", _weighted(_same, _axes(3, 2, 0, 1))),
    layers.Dense: ("dense", _weighted(_transposed, _channels_first)),
    layers.DepthwiseConv2D: ("depthwise_conv2d", _weighted(_same, _depthwise)),
    layers.GroupNorm: ("group_normalization", _SCALE),
    layers.LayerNorm: ("layer_normalization", _SCALE),
    layers.PReLU: ("p_re_lu", [Rule("alpha", "weight", "0", _slopes, _slopes_last)]),
}


def flattened_images(network: Network) -> dict[Layer, Shape]:
    """Return the shape of the images that a layer's rows of features are the pixels of."""
    return dict(_flattened(network.layers, None))


def _flattened(chain: list[Layer], image: Shape | None) -> Iterator[tuple[Layer, Shape]]:
    for layer in chain:
        if layer._branches:
            for branch in layer._branches:
                yield from _flattened(list(branch), image)
            image = None
            continue
        is_flat = len(layer.input_shape) == 1
        if isinstance(layer, layers.Dense) and len(layer.input_shape) == 3:
            yield layer, layer.input_shape
        elif is_flat and image is not None:
            yield layer, image
        if isinstance(layer, layers.Flatten) and len(layer.input_shape) == 3:
            image = layer.input_shape
        elif not (is_flat and layer.output_shape == layer.input_shape) or isinstance(
            layer, layers.Dense
        ):
            image = None
