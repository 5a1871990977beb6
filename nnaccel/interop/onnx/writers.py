"""Layers as ONNX operators: a function for each kind of layer, from input to output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnaccel import layers
from nnaccel.interop.onnx.activations import write_activation
from nnaccel.interop.onnx.graph import Graph
from nnaccel.layers import Layer
from nnaccel.layers._convolution import Convolution
from nnaccel.layers._images import Sliding
from nnaccel.layers._sequences import OneRow
from nnaccel.ops import _geometry

Writer = Callable[[Graph, Any, Any], str]  # (graph, layer, name of x) -> name of y


def write_layers(graph: Graph, chain: Sequence[Layer], x: Any) -> str:
    """Add layers one after another, and return what the last one gives.

    `x` is the name of the input, or a tuple of names of several.
    """
    for layer in chain:
        with graph.within(layer.name):
            x = _writer(layer)(graph, layer, x)
    return str(x)


def _writer(layer: Layer) -> Writer:
    """Return the function that writes the layer: that of its class, or of the nearest above."""
    for kind in type(layer).__mro__:
        if kind in EXPORTS:
            return EXPORTS[kind]
    raise TypeError(
        f"layer {layer.name!r}: {type(layer).__name__} has no ONNX operator. To fix: register a "
        f"function of (graph, layer, x) as nnaccel.interop.onnx.EXPORTS[{type(layer).__name__}]"
    )


def _nothing(graph: Graph, layer: Layer, x: str) -> str:
    return x


def _activation(graph: Graph, layer: layers.Activation, x: str) -> str:
    return write_activation(graph, layer.activation, x, layer.output_shape, layer.alpha)


def _dense(graph: Graph, layer: layers.Dense, x: str) -> str:
    if len(layer.input_shape) > 1:
        x = graph.add("Flatten", x, axis=1)
    y = graph.add("Gemm", x, *_weights(graph, layer))
    return write_activation(graph, layer.activation, y, layer.output_shape)


def _convolution(graph: Graph, layer: Convolution, x: str) -> str:
    _, groups = layer._filters_and_groups(layer.image_of(layer.input_shape)[0])
    x, weights = _with_channels(graph, layer, x), _weights(graph, layer)
    y = graph.add("Conv", x, *weights, group=groups, **_window(layer))
    return write_activation(graph, layer.activation, y, layer.output_shape)


def _transposed(graph: Graph, layer: layers.Conv2DTranspose, x: str) -> str:
    size = layer.image_of(layer.input_shape)[1:]
    over, (height, width) = _geometry.transposed_window(
        size, layer.kernel_size, output_padding=layer.output_padding, **layer.movement
    )
    (down, across), (rows, cols), (top, bottom, left, right) = (
        over.stride,
        over.extent,
        over.padding,
    )
    more = [
        height - ((size[0] - 1) * down + rows - top - bottom),
        width - ((size[1] - 1) * across + cols - left - right),
    ]
    settings = {**_settings(over, False), "group": layer.groups, "output_padding": more}
    x = _with_channels(graph, layer, x)
    y = graph.add("ConvTranspose", x, *_weights(graph, layer), **settings)
    return write_activation(graph, layer.activation, y, layer.output_shape)


def _max_pool(graph: Graph, layer: layers.MaxPool2D, x: str) -> str:
    x, how = _with_channels(graph, layer, x), _window(layer)
    return graph.add("MaxPool", x, ceil_mode=int(layer.ceil_mode), **how)


def _avg_pool(graph: Graph, layer: layers.AvgPool2D, x: str) -> str:
    how = {**_window(layer), "count_include_pad": int(layer.count_include_pad)}
    x = _with_channels(graph, layer, x)
    return graph.add("AveragePool", x, ceil_mode=int(layer.ceil_mode), **how)


def _global(operator: str) -> Writer:
    def write(graph: Graph, layer: Layer, x: str) -> str:
        return graph.add("Flatten", graph.add(operator, _with_channels(graph, layer, x)), axis=1)

    return write


def _batch_norm(graph: Graph, layer: layers.BatchNorm, x: str) -> str:
    names = "gamma", "beta", "running_mean", "running_var"
    arrays = [graph.constant(name, layer.arrays[name]) for name in names]
    is_one_channel = len(layer.input_shape) == 2
    how = {"epsilon": layer.epsilon, "momentum": layer.momentum}
    x = _with_channels(graph, layer, x) if is_one_channel else x
    y = graph.add("BatchNormalization", x, *arrays, **how)
    return graph.add("Squeeze", y, _axes(graph, 1)) if is_one_channel else y


def _layer_norm(graph: Graph, layer: layers.LayerNorm, x: str) -> str:
    arrays = [graph.constant(name, layer.params[name]) for name in ("gamma", "beta")]
    return graph.add("LayerNormalization", x, *arrays, axis=1, epsilon=layer.epsilon)


def _group_norm(graph: Graph, layer: layers.GroupNorm, x: str) -> str:
    arrays = [graph.constant(name, layer.params[name]) for name in ("gamma", "beta")]
    how = {"num_groups": layer.groups, "epsilon": layer.epsilon}
    if len(layer.input_shape) > 1:
        return graph.add("GroupNormalization", x, *arrays, **how)
    x = graph.add("Unsqueeze", x, _axes(graph, 2))
    return graph.add("Squeeze", graph.add("GroupNormalization", x, *arrays, **how), _axes(graph, 2))


def _prelu(graph: Graph, layer: layers.PReLU, x: str) -> str:
    return graph.add("PRelu", x, graph.constant("alpha", layer.params["alpha"]))


def _dropout(graph: Graph, layer: layers.Dropout, x: str) -> str:
    return graph.add("Dropout", x, graph.constant("rate", layer.rate))


def _flatten(graph: Graph, layer: Layer, x: str) -> str:
    return graph.add("Flatten", x, axis=1)


def _reshape(graph: Graph, layer: Layer, x: str) -> str:
    shape = graph.constant("shape", [0, *layer.output_shape], np.int64)  # 0: as many as come
    return graph.add("Reshape", x, shape)


def _up_sampling(graph: Graph, layer: layers.UpSampling2D, x: str) -> str:
    how = {
        "mode": "nearest",
        "nearest_mode": "floor",
        "coordinate_transformation_mode": "asymmetric",
    }
    scales = graph.constant("scales", [1, 1, *layer.size])
    return graph.add("Resize", _with_channels(graph, layer, x), "", scales, **how)


def _zero_pad(graph: Graph, layer: layers.ZeroPad2D, x: str) -> str:
    top, bottom, left, right = layer.padding
    pads = graph.constant("pads", [0, 0, top, left, 0, 0, bottom, right], np.int64)
    return graph.add("Pad", _with_channels(graph, layer, x), pads)


def _chain(graph: Graph, layer: layers.Chain, x: Any) -> str:
    return write_layers(graph, layer.layers, x)


def _parallel(graph: Graph, layer: layers.Parallel, x: Any) -> str:
    starts = x if isinstance(x, tuple) else (x,) * len(layer._branches)
    ends = [write_layers(graph, *pair) for pair in zip(layer._branches, starts, strict=True)]
    if layer.join == "concat":
        begins = zip(layer._branches, layer.starts_for(layer.input_shape), strict=True)
        shapes = [branch[-1].output_shape if branch else begin for branch, begin in begins]
        pairs = zip(ends, shapes, strict=True)
        ends = [graph.add("Unsqueeze", y, _axes(graph, 1)) if len(s) == 2 else y for y, s in pairs]
        return graph.add("Concat", *ends, axis=1)
    if layer.join == "add":
        return graph.add("Add" if len(ends) == 2 else "Sum", *ends)
    y = ends[0]
    for end in ends[1:]:
        y = graph.add("Mul", y, end)
    return y


#: The function that writes each kind of layer, and those derived from it.
EXPORTS: dict[type[Any], Writer] = {
    layers.Activation: _activation,
    layers.AvgPool2D: _avg_pool,
    layers.BatchNorm: _batch_norm,
    layers.Chain: _chain,
    Convolution: _convolution,
    layers.Conv2DTranspose: _transposed,
    layers.Dense: _dense,
    layers.Dropout: _dropout,
    layers.Flatten: _flatten,
    layers.GaussianNoise: _nothing,
    layers.GlobalAvgPool2D: _global("GlobalAveragePool"),
    layers.GlobalMaxPool2D: _global("GlobalMaxPool"),
    layers.GroupNorm: _group_norm,
    layers.LayerNorm: _layer_norm,
    layers.MaxPool2D: _max_pool,
    layers.PReLU: _prelu,
    layers.Parallel: _parallel,
    layers.Reshape: _reshape,
    layers.UpSampling2D: _up_sampling,
    layers.ZeroPad2D: _zero_pad,
}


def _weights(graph: Graph, layer: Layer) -> list[str]:
    """Add w and b, as there are; w of a sequence's layer without its one row."""
    found = dict(layer.params)
    if isinstance(layer, OneRow):
        found["w"] = found["w"][:, :, 0]
    return [graph.constant(name, array) for name, array in found.items()]


def _with_channels(graph: Graph, layer: Layer, x: str) -> str:
    """Return x with an axis for its channel where inputs have none."""
    axes = 2 if isinstance(layer, OneRow) else 3
    return x if len(layer.input_shape) == axes else graph.add("Unsqueeze", x, _axes(graph, 1))


def _axes(graph: Graph, axis: int) -> str:
    return graph.constant("axes", [axis], np.int64)


def _window(layer: Sliding) -> dict[str, Any]:
    """Return the attributes of a layer's window."""
    size = layer.image_of(layer.input_shape)[1:]
    over = _geometry.window(size, layer.kernel_size, **layer.movement)
    return _settings(over, isinstance(layer, OneRow))


def _settings(over: Any, is_one_row: bool) -> dict[str, Any]:
    """Return a window's attributes, for images or for sequences."""
    top, bottom, left, right = over.padding
    first = 1 if is_one_row else 0
    return {
        "kernel_shape": over.kernel_size[first:],
        "strides": over.stride[first:],
        "dilations": over.dilation[first:],
        "pads": [left, right] if is_one_row else [top, left, bottom, right],
    }
