"""Activations as ONNX operators, both ways."""

from __future__ import annotations

from typing import Any

from nnaccel.interop.onnx.graph import Graph
from nnaccel.layers import Shape
from nnaccel.ops._check import DEFAULT_ALPHA, OVER_CLASSES

# Activation, operator, and attributes that are not alpha.
_TABLE: list[tuple[str, str, dict[str, Any]]] = [
    ("relu", "Relu", {}),
    ("sigmoid", "Sigmoid", {}),
    ("tanh", "Tanh", {}),
    ("leaky_relu", "LeakyRelu", {}),
    ("elu", "Elu", {}),
    ("softplus", "Softplus", {}),
    ("gelu", "Gelu", {"approximate": "none"}),
    ("gelu_tanh", "Gelu", {"approximate": "tanh"}),
    ("mish", "Mish", {}),
    ("selu", "Selu", {}),
    ("hard_swish", "HardSwish", {}),
    ("softmax", "Softmax", {}),
    ("log_softmax", "LogSoftmax", {}),
]

#: Operators that are an activation whatever their attributes, by what it is called here.
PLAIN = {
    operator: name
    for name, operator, attributes in _TABLE
    if not attributes and name not in (*DEFAULT_ALPHA, *OVER_CLASSES)
}
#: Slopes and scales of operators that give none.
OPERATOR_ALPHA = {"leaky_relu": 0.01, "elu": 1.0}


def class_axis(shape: Shape) -> int:
    """Return the axis of a batch of this shape, with the batch axis before, that has classes."""
    return 1 if len(shape) == 3 else len(shape)


def write_activation(
    graph: Graph, name: str, x: str, shape: Shape, alpha: float | None = None
) -> str:
    """Add an activation of x, whose rows have this shape, and return what it gives."""
    if name == "linear":
        return x
    if name == "swish":  # an operator of its own only in the newest version
        return graph.add("Mul", x, graph.add("Sigmoid", x))
    operator, attributes = next((o, a) for n, o, a in _TABLE if n == name)
    if name in DEFAULT_ALPHA:
        attributes = {"alpha": DEFAULT_ALPHA[name] if alpha is None else alpha}
    if name in OVER_CLASSES:
        attributes = {"axis": class_axis(shape)}
    return graph.add(operator, x, **attributes)
