"""ONNX operators as layers: a function for each, which appends to the layers before it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nnaccel import layers
from nnaccel.interop.onnx.activations import OPERATOR_ALPHA, PLAIN, class_axis
from nnaccel.interop.onnx.images import IMAGES
from nnaccel.interop.onnx.making import Making
from nnaccel.interop.onnx.read import Node
from nnaccel.layers._weighted import Weighted

Reader = Callable[[Node, Making], None]


def _plain(node: Node, making: Making) -> None:
    making.activate(PLAIN[node.operator])


def _sloped(name: str) -> Reader:
    def read(node: Node, making: Making) -> None:
        making.activate(name, float(node.attributes.get("alpha", OPERATOR_ALPHA[name])))

    return read


def _selu(node: Node, making: Making) -> None:
    alpha, gamma = (node.attributes.get(name) for name in ("alpha", "gamma"))
    for given, known in ((alpha, 1.6732632), (gamma, 1.0507009)):
        if given is not None and not math.isclose(given, known, rel_tol=1e-4):
            raise node.refused(f"alpha={alpha} and gamma={gamma} are not those of 'selu'")
    making.activate("selu")


def _swish(node: Node, making: Making) -> None:
    if node.attributes.get("alpha", 1.0) != 1.0:
        raise node.refused(f"alpha={node.attributes['alpha']} is not that of 'swish', 1")
    making.activate("swish")


def _gelu(node: Node, making: Making) -> None:
    is_exact = node.attributes.get("approximate", "none") == "none"
    making.activate("gelu" if is_exact else "gelu_tanh")


def _softmax(name: str) -> Reader:
    def read(node: Node, making: Making) -> None:
        axes = len(making.shape) + 1
        axis = int(node.attributes.get("axis", -1 if node.opset >= 13 else 1))
        wanted = class_axis(making.shape)
        if axis not in (wanted, wanted - axes):
            raise node.refused(f"axis={axis} of {axes}: it runs over axis {wanted} only")
        making.activate(name)

    return read


def _prelu(node: Node, making: Making) -> None:
    slope, inputs = node.weights(1), making.shape
    while slope.ndim > len(inputs) and slope.shape[0] == 1:
        slope = slope[0]
    slope = slope.reshape((1,) * (len(inputs) - slope.ndim) + slope.shape)
    shared = [axis for axis, n in enumerate(slope.shape, start=1) if n == 1]
    making.add(layers.PReLU(shared_axes=shared), alpha=slope)


def _gemm(node: Node, making: Making) -> None:
    settings = [node.attributes.get(name, default) for name, default in _GEMM.items()]
    if settings[:2] != [1, 1] or settings[2]:
        raise node.refused("alpha and beta must be 1, and transA 0")
    w = node.weights(1).T if settings[3] else node.weights(1)
    _dense(node, making, w)
    if node.constant(2) is not None:
        _add_bias(node, making, node.weights(2))


_GEMM = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}


def _matmul(node: Node, making: Making) -> None:
    _dense(node, making, node.weights(1))


def _dense(node: Node, making: Making, w: np.ndarray) -> None:
    if len(making.shape) != 1 or w.ndim != 2 or len(w) != making.shape[0]:
        raise node.refused(f"weights {w.shape} do not fit rows of {making.shape}")
    making.add(layers.Dense(w.shape[1], use_bias=False), w=w)


def _add_bias(node: Node, making: Making, b: np.ndarray) -> None:
    """Add a constant to what the layer before gives, as its bias."""
    layer = making.open_layer()
    wanted = (making.shape[0], *[1] * (len(making.shape) - 1))
    try:
        b = np.broadcast_to(b, (1, *wanted)).reshape(-1)
    except ValueError:
        raise node.refused(f"a constant {b.shape} is no bias of {making.shape}") from None
    if not isinstance(layer, Weighted):
        raise node.refused("a constant is added, but the layer before it has no bias")
    layer.use_bias, weights = True, making.weights[layer]
    weights["b"] = weights["b"] + b if "b" in weights else b


def _add(node: Node, making: Making) -> None:
    constants = [value for value in node.inputs if isinstance(value, np.ndarray)]
    for b in constants:
        _add_bias(node, making, b)


def _dropout(node: Node, making: Making) -> None:
    given = node.constant(1)
    rate = float(node.attributes.get("ratio", 0.5) if given is None else given)
    if rate:
        making.add(layers.Dropout(rate))


def _nothing(node: Node, making: Making) -> None:
    pass


def _flatten(node: Node, making: Making) -> None:
    axis = int(node.attributes.get("axis", 1))
    if axis not in (1, -len(making.shape)):
        raise node.refused(f"axis={axis}, but each item of a batch must become a row: axis=1")
    making.reshape((math.prod(making.shape),))


def _reshape(node: Node, making: Making) -> None:
    target, inputs = node.whole_numbers("shape", 1), making.shape
    if not target or len(target) < 2:
        raise node.refused(f"shape={target} must be constant, and keep the axis of the batch")
    first, rest = target[0], target[1:]
    rest = [inputs[axis] if n == 0 and axis < len(inputs) else n for axis, n in enumerate(rest)]
    if -1 in rest and first != -1:
        known = math.prod(n for n in rest if n != -1)
        rest[rest.index(-1)] = math.prod(inputs) // known if known else 0
    if math.prod(rest) != math.prod(inputs) or min(rest) < 1:
        raise node.refused(f"shape={target} takes items of a batch, {inputs}, apart or together")
    making.reshape(tuple(rest))


def _squeeze(node: Node, making: Making) -> None:
    whole = (0, *making.shape)
    axes = node.whole_numbers("axes", 1) or [i for i, n in enumerate(whole) if n == 1]
    axes = [axis % len(whole) for axis in axes]
    if any(whole[axis] != 1 for axis in axes):
        raise node.refused(f"axes={axes} of {('N', *making.shape)} are not all of size 1")
    making.reshape(tuple(n for i, n in enumerate(whole) if i and i not in axes))


def _unsqueeze(node: Node, making: Making) -> None:
    axes = node.whole_numbers("axes", 1) or []
    count = len(making.shape) + 1 + len(axes)
    axes = sorted(axis % count for axis in axes)
    if 0 in axes:
        raise node.refused("a new axis before that of the batch has no use in any layer")
    shape: list[int] = list(making.shape)
    for axis in axes:
        shape.insert(axis - 1, 1)
    making.reshape(tuple(shape))


def _layer_norm(node: Node, making: Making) -> None:
    axis, inputs = int(node.attributes.get("axis", -1)), making.shape
    if axis % (len(inputs) + 1) != 1:
        raise node.refused(f"axis={axis} of {('N', *inputs)}: only all axes but the first")
    gamma = np.broadcast_to(node.weights(1), inputs)
    beta = node.constant(2)
    epsilon = float(node.attributes.get("epsilon", 1e-5))
    shift = np.zeros(inputs) if beta is None else np.broadcast_to(beta, inputs)
    making.add(layers.LayerNorm(epsilon), gamma=gamma, beta=shift)


#: The function that reads each operator.
LOADS: dict[str, Reader] = {
    **dict.fromkeys(PLAIN, _plain),
    **IMAGES,
    "Add": _add,
    "Dropout": _dropout,
    "Elu": _sloped("elu"),
    "Flatten": _flatten,
    "Gelu": _gelu,
    "Gemm": _gemm,
    "Identity": _nothing,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": _sloped("leaky_relu"),
    "LogSoftmax": _softmax("log_softmax"),
    "MatMul": _matmul,
    "PRelu": _prelu,
    "Reshape": _reshape,
    "Selu": _selu,
    "Softmax": _softmax("softmax"),
    "Squeeze": _squeeze,
    "Swish": _swish,
    "Unsqueeze": _unsqueeze,
}
