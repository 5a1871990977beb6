"""Feature maps and filters of trained models."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnaccel import _validate
from nnaccel._validate import whole_number
from nnaccel.backends import to_numpy
from nnaccel.layers import Conv2D, DepthwiseConv2D, Layer
from nnaccel.layers._tree import walk
from nnaccel.model.sequential import Sequential


def feature_maps(model: Sequential, layer: str | int, image: ArrayLike) -> NDArray[Any]:
    """Return the outputs of a layer for one image, with its activation.

    Parameters
    ----------
    model : Sequential
        A built model.
    layer : str or int
        Name of the layer, as in `model.summary()`, or its index.
    image : array_like
        An image of the model's input shape. For (C, H, W) colours may come last, and one channel
        may be (H, W). uint8 is scaled as in training, or divided by 255.

    Returns
    -------
    ndarray of the model's dtype, shape (K, OH, OW)
        A map for each output channel.

    Raises
    ------
    ValueError
        If there is no such layer, it has no maps, or the image does not fit the model.
    RuntimeError
        If the model is not built.

    Examples
    --------
    >>> import numpy as np
    >>> from nnaccel.layers import Conv2D, Dense
    >>> model = Sequential([Conv2D(8, 3, "relu"), Dense(10, "softmax")], seed=0)
    >>> model.build((28, 28))
    >>> feature_maps(model, "conv2d", np.ones((28, 28), np.float32)).shape
    (8, 26, 26)
    """
    model.require_one_input("feature_maps")
    index = _index(model, layer)
    found, places = model.layers[index], map_layers(model)
    shape = found.output_shape
    if found.name not in places:
        instead = (
            f"choose one of {', '.join(map(repr, places))}" if places else "no layer here does"
        )
        raise ValueError(f"layer {found.name!r} gives {shape}, not maps (K, H, W): {instead}")
    made = model[: index + 1].predict(_fitted(image, model.input_shape)[None])[0]
    return np.asarray(made[None] if len(shape) == 2 else made)


def layer_filters(
    model: Sequential, layer: str | int, channel: int | None = None
) -> NDArray[np.float32]:
    """Return the filters of a convolution layer, for `apply`.

    Parameters
    ----------
    model : Sequential
        A built model.
    layer : str or int
        Name or index of a `Conv2D` or `DepthwiseConv2D`; one within others has a name such as
        'residual/conv2d'.
    channel : int, optional
        Input channel, within its group, of the weights; by default their mean over input channels.

    Returns
    -------
    ndarray of float32, shape (K, R, S)

    Raises
    ------
    ValueError
        If there is no such layer, it has no such filters, or there is no such channel.
    RuntimeError
        If the model is not built.

    Examples
    --------
    >>> from nnaccel.layers import Conv2D, Dense
    >>> model = Sequential([Conv2D(8, 3, "relu"), Dense(10, "softmax")], seed=0)
    >>> model.build((3, 28, 28))
    >>> layer_filters(model, 0).shape
    (8, 3, 3)
    """
    found = _layer(model, layer)
    if not isinstance(found, Conv2D | DepthwiseConv2D):
        places = [p for p, a in walk(model.layers) if isinstance(a, Conv2D | DepthwiseConv2D)]
        instead = f"choose one of {', '.join(map(repr, places))}" if places else "no layer here has"
        kind = type(found).__name__
        raise ValueError(f"layer {found.name!r} is a {kind}, without filters: {instead}")
    w = np.asarray(to_numpy(found.params["w"]))
    if channel is None:
        return np.asarray(w.mean(axis=1, dtype=np.float64), np.float32)
    channel = whole_number("channel", channel, 0)
    if channel >= w.shape[1]:
        raise ValueError(
            f"channel={channel} is not there: filters of {found.name!r} have {w.shape[1]}, "
            "counted from 0"
        )
    return np.array(w[:, channel], np.float32)


def map_layers(model: Sequential) -> list[str]:
    """Return the names of the layers whose outputs are maps, (K, OH, OW) or (OH, OW).

    Parameters
    ----------
    model : Sequential
        A built model.

    Examples
    --------
    >>> from nnaccel.layers import Conv2D, Dense
    >>> model = Sequential([Conv2D(8, 3, "relu"), Dense(10, "softmax")])
    >>> model.build((28, 28))
    >>> map_layers(model)
    ['conv2d']
    """
    return [layer.name for layer in model.layers if len(layer.output_shape) in (2, 3)]


def _layer(model: Sequential, layer: str | int) -> Layer:
    """Return a layer by its name, its path within others, or its index."""
    if not isinstance(layer, str) or "/" not in layer:
        return model.layers[_index(model, layer)]
    found = dict(walk(model.layers))
    if layer not in found:
        raise ValueError(_validate.unknown_name("layer", layer, list(found)))
    return found[layer]


def _index(model: Sequential, layer: str | int) -> int:
    """Index of a layer from its name or index; ValueError if there is none."""
    if not model.built:
        raise RuntimeError("the model is not built yet: call build(input_shape) or fit first")
    names, count = [each.name for each in model.layers], len(model.layers)
    if isinstance(layer, str):
        if layer not in names:
            raise ValueError(_validate.unknown_name("layer", layer, names))
        return names.index(layer)
    place = whole_number("layer", layer, -count)
    if place >= count:
        raise ValueError(f"layer {place} is not there: the model has {count}, counted from 0")
    return place % count


def _fitted(image: ArrayLike, wanted: tuple[int, ...]) -> NDArray[Any]:
    """Return an image in the model's input shape."""
    x = np.asarray(to_numpy(image))
    if x.shape == wanted:
        return x
    if x.ndim == len(wanted) == 3 and (x.shape[2], *x.shape[:2]) == wanted:
        return np.ascontiguousarray(x.transpose(2, 0, 1))
    plain = tuple(side for side in x.shape if side > 1)
    same = plain == tuple(side for side in wanted if side > 1)
    if same or (len(wanted) == 1 and x.ndim == 2 and x.size == math.prod(wanted)):
        return x.reshape(wanted)
    raise ValueError(f"image has shape {x.shape}, but the model takes images of {wanted}")
