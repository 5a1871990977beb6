"""ONNX's own tests of single operators, run through nn.ops."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from nnaccel import ops
from nnaccel.backends import asarray, to_numpy

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install onnx")

Arrays = list[Any]
FLOATS = np.dtype(np.float32), np.dtype(np.float64)


def window(attributes: dict[str, Any]) -> dict[str, Any]:
    """Stride, padding and dilation, as nn.ops takes them."""
    top, left, bottom, right = attributes.get("pads", [0] * 4)
    auto = attributes.get("auto_pad", b"NOTSET")
    return {
        "stride": tuple(attributes.get("strides", (1, 1))),
        "padding": "same" if auto == b"SAME_UPPER" else (top, bottom, left, right),
        "dilation": tuple(attributes.get("dilations", (1, 1))),
    }


def conv(inputs: Arrays, attributes: dict[str, Any]) -> Any:
    return ops.conv2d(*inputs, groups=attributes.get("group", 1), **window(attributes))


def conv_transpose(inputs: Arrays, attributes: dict[str, Any]) -> Any:
    more = {"output_padding": tuple(attributes.get("output_padding", (0, 0)))}
    how = {**window(attributes), **more, "groups": attributes.get("group", 1)}
    return ops.conv_transpose2d(*inputs, **how)


def pool(op: Callable[..., Any], **counted: str) -> Callable[..., Any]:
    def run(inputs: Arrays, attributes: dict[str, Any]) -> Any:
        more = {name: bool(attributes.get(name, 0)) for name in ("ceil_mode", *counted)}
        return op(*inputs, tuple(attributes["kernel_shape"]), **window(attributes), **more)

    return run


def global_pool(op: Callable[..., Any]) -> Callable[..., Any]:
    return lambda inputs, attributes: op(*inputs, inputs[0].shape[2:])


def plain(op: Callable[..., Any], **renamed: str) -> Callable[..., Any]:
    """An op whose arguments are the attributes of the operator."""

    def run(inputs: Arrays, attributes: dict[str, Any]) -> Any:
        given = {renamed.get(name, name): value for name, value in attributes.items()}
        text = {k: v.decode() if isinstance(v, bytes) else v for k, v in given.items()}
        return op(*inputs, **text)

    return run


def slope(op: Callable[..., Any], default: float) -> Callable[..., Any]:
    return lambda inputs, attributes: op(*inputs, alpha=attributes.get("alpha", default))


def gemm(inputs: Arrays, attributes: dict[str, Any]) -> Any:
    x, w, *b = inputs
    x = x.T if attributes.get("transA") else x
    w = w.T if attributes.get("transB") else w
    return ops.linear(x, w, *(a.reshape(-1) for a in b))


def batch_norm(inputs: Arrays, attributes: dict[str, Any]) -> Any:
    how = {"momentum": attributes.get("momentum", 0.9), "epsilon": attributes.get("epsilon", 1e-5)}
    training = bool(attributes.get("training_mode", 0))
    x, gamma, beta, mean, var = inputs
    mean, var = mean.copy(), var.copy()
    y, *_ = ops.batch_norm(x, gamma, beta, mean, var, training=training, **how)
    return (y, mean, var) if training else y


def layer_norm(inputs: Arrays, attributes: dict[str, Any]) -> Any:
    x, gamma, beta = inputs
    axis = attributes.get("axis", -1) % x.ndim
    rows = x.reshape(int(np.prod(x.shape[:axis])), -1)
    epsilon = attributes.get("epsilon", 1e-5)
    y, mean, inv_std = ops.layer_norm(rows, gamma.reshape(-1), beta.reshape(-1), epsilon=epsilon)
    kept = *x.shape[:axis], *[1] * (x.ndim - axis)
    return y.reshape(x.shape), mean.reshape(kept), inv_std.reshape(kept)


def split(inputs: Arrays, attributes: dict[str, Any]) -> Any:
    return tuple(ops.split(inputs[0], [int(n) for n in inputs[1]]))


IMAGES = {"AveragePool", "Conv", "ConvTranspose", "GlobalAveragePool", "GlobalMaxPool", "MaxPool"}

#: Each operator's module of test cases, and its op here.
OPERATORS: dict[str, tuple[str, Callable[..., Any]]] = {
    "Add": ("add", plain(ops.add)),
    "AveragePool": ("averagepool", pool(ops.avg_pool2d, count_include_pad="")),
    "BatchNormalization": ("batch_normalization", batch_norm),
    "Concat": ("concat", lambda inputs, attributes: ops.concat(inputs)),
    "Conv": ("conv", conv),
    "ConvTranspose": ("convtranspose", conv_transpose),
    "Elu": ("elu", slope(ops.elu, 1.0)),
    "Gelu": ("gelu", plain(ops.gelu)),
    "Gemm": ("gemm", gemm),
    "GlobalAveragePool": ("globalaveragepool", global_pool(ops.avg_pool2d)),
    "GlobalMaxPool": ("globalmaxpool", global_pool(ops.max_pool2d)),
    "HardSwish": ("hardswish", plain(ops.hard_swish)),
    "LayerNormalization": ("layernormalization", layer_norm),
    "LeakyRelu": ("leakyrelu", slope(ops.leaky_relu, 0.01)),
    "LogSoftmax": ("logsoftmax", plain(ops.log_softmax)),
    "MatMul": ("matmul", gemm),
    "MaxPool": ("maxpool", pool(ops.max_pool2d)),
    "Mish": ("mish", plain(ops.mish)),
    "Mul": ("mul", plain(ops.multiply)),
    "Relu": ("relu", plain(ops.relu)),
    "Selu": ("selu", lambda inputs, attributes: ops.selu(*inputs)),
    "Sigmoid": ("sigmoid", plain(ops.sigmoid)),
    "Softmax": ("softmax", plain(ops.softmax)),
    "Softplus": ("softplus", plain(ops.softplus)),
    "Split": ("split", split),
    "Swish": ("swish", lambda inputs, attributes: ops.swish(*inputs)),
    "Tanh": ("tanh", plain(ops.tanh)),
}


def fits(operator: str, attributes: dict[str, Any], inputs: Arrays, outputs: int) -> bool:
    """Whether an op takes the case: floats, images rather than volumes, no broadcasting, …"""
    x, axis = inputs[0], attributes.get("axis", 0)
    if x.dtype not in FLOATS:
        return False
    if operator in IMAGES:
        computed = attributes.get("auto_pad") == b"SAME_LOWER" or "output_shape" in attributes
        return x.ndim == 4 and not computed and not (operator == "MaxPool" and outputs == 2)
    if operator in ("Add", "Mul"):
        return x.shape == inputs[1].shape
    if operator == "MatMul":
        return x.ndim == inputs[1].ndim == 2
    if operator == "Gemm":
        units = inputs[1].shape[0 if attributes.get("transB") else 1]
        is_plain = attributes.get("alpha", 1) == attributes.get("beta", 1) == 1
        return is_plain and all(a.shape in ((units,), (1, units)) for a in inputs[2:])
    if operator in ("Concat", "Split"):
        given = operator == "Concat" or len(inputs) == 2
        return x.ndim in (2, 4) and axis % x.ndim == 1 and given
    if operator in ("Selu", "Swish"):  # of constants that are fixed here
        return "gamma" not in attributes and attributes.get("alpha", 1.0) == 1.0
    return True


def cases() -> list[Any]:
    """Every case of the operators that their ops take."""
    from onnx.backend.test.case import node as nodes

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of casts and divisions in what makes the data
        for module, _ in OPERATORS.values():
            import_module(f"onnx.backend.test.case.node.{module}")
    found = []
    for case in nodes._NodeTestCases:
        node, *more = case.model.graph.node
        if not more and node.op_type in OPERATORS:
            inputs, outputs = case.data_sets[0]
            if fits(node.op_type, attributes_of(node), inputs, len(outputs)):
                found.append(pytest.param(case, id=case.name))
    return found


def attributes_of(node: Any) -> dict[str, Any]:
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


@pytest.mark.parametrize("case", cases())
def test_operator(backend: Any, case: Any) -> None:
    (node,) = case.model.graph.node
    _, run = OPERATORS[node.op_type]
    for inputs, wanted in case.data_sets:
        arrays = [asarray(a) if a.dtype in FLOATS else a for a in inputs]
        got = run(arrays, attributes_of(node))
        got = got if isinstance(got, tuple) else (got,)
        for ours, theirs in zip(got, wanted, strict=False):
            atol = max(case.atol, 1e-6)
            np.testing.assert_allclose(to_numpy(ours), theirs, rtol=case.rtol, atol=atol)


def test_every_operator_has_a_case() -> None:
    assert {param.values[0].model.graph.node[0].op_type for param in cases()} == {*OPERATORS}
