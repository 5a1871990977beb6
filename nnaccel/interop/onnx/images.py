"""ONNX operators of images and sequences as layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnaccel import layers
from nnaccel.interop.onnx.making import Making
from nnaccel.interop.onnx.read import Node


def _conv(node: Node, making: Making) -> None:
    w, how = node.weights(1), _window(node, making)
    filters, groups = len(w), int(node.attributes.get("group", 1))
    if w.ndim != len(making.shape) + 1:
        raise node.refused(f"weights {w.shape} do not fit inputs {('N', *making.shape)}")
    how |= {"groups": groups, "use_bias": node.constant(2) is not None}
    if w.ndim == 3:
        layer: Any = layers.Conv1D(filters, w.shape[2], **_ends(how))
        w = w[:, :, None]
    else:
        layer = layers.Conv2D(filters, w.shape[2:], **how)
    making.add(layer, w=w, **_bias(node))


def _conv_transpose(node: Node, making: Making) -> None:
    w, how = node.weights(1), _window(node, making)
    if w.ndim != 4 or "output_shape" in node.attributes or how["padding"] == "same":
        raise node.refused("only with weights of four axes, and the padding in numbers")
    groups = int(node.attributes.get("group", 1))
    how |= {"groups": groups, "use_bias": node.constant(2) is not None}
    how["output_padding"] = tuple(node.attributes.get("output_padding", (0, 0)))
    making.add(layers.Conv2DTranspose(w.shape[1] * groups, w.shape[2:], **how), w=w, **_bias(node))


def _pool(of_images: Any, of_sequences: Any) -> Callable[[Node, Making], None]:
    def read(node: Node, making: Making) -> None:
        how, size = _window(node, making), tuple(node.attributes.get("kernel_shape", ()))
        how["ceil_mode"] = bool(node.attributes.get("ceil_mode", 0))
        if of_images is layers.AvgPool2D:
            how["count_include_pad"] = bool(node.attributes.get("count_include_pad", 0))
        if len(making.shape) == 2:
            making.add(of_sequences(size[0], **_ends(how)))
        else:
            making.add(of_images(size, **how))

    return read


def _global(kind: Any) -> Callable[[Node, Making], None]:
    def read(node: Node, making: Making) -> None:
        if len(making.shape) != 3:
            raise node.refused(f"its inputs {('N', *making.shape)} are no images")
        making.add(kind())
        making.reshape((*making.shape, 1, 1))

    return read


def _mean(node: Node, making: Making) -> None:
    axes, rank = node.whole_numbers("axes", 1) or [], len(making.shape) + 1
    if rank != 4 or sorted(axis % rank for axis in axes) != [2, 3]:
        raise node.refused(f"axes={axes}: only the mean of each channel of images, axes=[2, 3]")
    making.add(layers.GlobalAvgPool2D())
    if node.attributes.get("keepdims", 1):
        making.reshape((*making.shape, 1, 1))


def _batch_norm(node: Node, making: Making) -> None:
    if node.attributes.get("training_mode", 0):
        raise node.refused("training_mode=1: export the model for inference")
    names, shape = ("gamma", "beta", "running_mean", "running_var"), making.shape
    arrays = {name: node.weights(number) for number, name in enumerate(names, start=1)}
    momentum, epsilon = (
        float(node.attributes.get(name, default))
        for name, default in (("momentum", 0.9), ("epsilon", 1e-5))
    )
    if len(shape) == 2:  # sequences (C, L), as images of one row
        making.reshape((shape[0], 1, shape[1]))
    making.add(layers.BatchNorm(momentum, epsilon), **arrays)
    if len(shape) == 2:
        making.reshape(shape)


def _group_norm(node: Node, making: Making) -> None:
    gamma, beta, groups = node.weights(1), node.weights(2), int(node.attributes["num_groups"])
    if node.opset < 21:  # one number for each group
        each = making.shape[0] // groups
        gamma, beta = np.repeat(gamma, each), np.repeat(beta, each)
    epsilon = float(node.attributes.get("epsilon", 1e-5))
    making.add(layers.GroupNorm(groups, epsilon), gamma=gamma, beta=beta)


def _instance_norm(node: Node, making: Making) -> None:
    epsilon = float(node.attributes.get("epsilon", 1e-5))
    layer = layers.GroupNorm(making.shape[0], epsilon)
    making.add(layer, gamma=node.weights(1), beta=node.weights(2))


def _pad(node: Node, making: Making) -> None:
    pads, axes = node.whole_numbers("pads", 1) or [], node.whole_numbers("axes", 3)
    value, rank = node.constant(2), len(making.shape) + 1
    if node.attributes.get("mode", "constant") != "constant" or (value is not None and value.any()):
        raise node.refused("only with zeros")
    at = range(rank) if axes is None else [axis % rank for axis in axes]
    half = len(pads) // 2
    ends = dict(zip(at, zip(pads[:half], pads[half:], strict=True), strict=False))
    if rank != 4 or any(any(ends.get(axis, ())) for axis in (0, 1)):
        raise node.refused(f"pads={pads}: only the rows and columns of images")
    margins = (*ends.get(2, (0, 0)), *ends.get(3, (0, 0)))
    if any(margins):
        making.add(layers.ZeroPad2D(margins))


def _resize(node: Node, making: Making) -> None:
    shape = np.array([1, *making.shape])
    number = 1 if node.operator == "Upsample" else 2
    scales, sizes = node.constant(number), node.constant(3)
    if scales is None or not scales.size:
        scales = shape if sizes is None else np.asarray(sizes) / shape
    known = {
        "mode": ("nearest",),
        "nearest_mode": ("floor", "round_prefer_floor"),
        "coordinate_transformation_mode": ("asymmetric", "half_pixel"),
    }
    chosen = tuple(node.attributes.get(name, values[-1]) for name, values in known.items())
    repeats = ("nearest", "floor", "asymmetric"), ("nearest", "round_prefer_floor", "half_pixel")
    down_across = [int(s) for s in np.ravel(scales)[2:]]
    whole = len(shape) == 4 and [1, 1, *down_across] == np.ravel(scales).tolist()
    if not whole or (node.operator == "Resize" and chosen not in repeats):
        raise node.refused("only what repeats each pixel of images a whole number of times")
    making.add(layers.UpSampling2D(tuple(down_across)))


IMAGES: dict[str, Callable[[Node, Making], None]] = {
    "AveragePool": _pool(layers.AvgPool2D, layers.AvgPool1D),
    "BatchNormalization": _batch_norm,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "GlobalAveragePool": _global(layers.GlobalAvgPool2D),
    "GlobalMaxPool": _global(layers.GlobalMaxPool2D),
    "GroupNormalization": _group_norm,
    "InstanceNormalization": _instance_norm,
    "MaxPool": _pool(layers.MaxPool2D, layers.MaxPool1D),
    "Pad": _pad,
    "ReduceMean": _mean,
    "Resize": _resize,
    "Upsample": _resize,
}


def _bias(node: Node) -> dict[str, np.ndarray]:
    return {} if node.constant(2) is None else {"b": node.weights(2)}


def _window(node: Node, making: Making) -> dict[str, Any]:
    """Return stride, padding and dilation, of two axes or of one."""
    axes = len(making.shape) - 1
    if axes not in (1, 2):
        raise node.refused(f"its inputs {('N', *making.shape)} are neither images nor sequences")
    auto = node.attributes.get("auto_pad", "NOTSET")
    if auto not in ("NOTSET", "SAME_UPPER", "VALID"):
        raise node.refused(f"auto_pad={auto!r}: only 'SAME_UPPER', 'VALID' and 'NOTSET'")
    pads = node.attributes.get("pads", [0] * 2 * axes) if auto == "NOTSET" else [0] * 2 * axes
    sides = [side for pair in zip(pads[:axes], pads[axes:], strict=True) for side in pair]
    return {
        "stride": tuple(node.attributes.get("strides", [1] * axes)),
        "padding": "same" if auto == "SAME_UPPER" else tuple(sides),
        "dilation": tuple(node.attributes.get("dilations", [1] * axes)),
    }


def _ends(how: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of one axis as layers of sequences take them."""
    return how | {"stride": how["stride"][0], "dilation": how["dilation"][0]}
