"""ONNX files of other libraries: what becomes of their operators, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnaccel as nn

from .graphs import model, node, ones, onnx, saved

reference = pytest.importorskip("onnx.reference")

IMAGE = (3, 6, 6)
RNG = np.random.default_rng(0)
W = RNG.normal(size=(4, 3)).astype(np.float32)
K = RNG.normal(size=(2, 3, 3, 3)).astype(np.float32)

# Nodes, input shape, constants, opset, and the kinds of layers they become.
GOOD: dict[str, tuple[list[Any], tuple[int, ...], dict[str, Any], int, str]] = {
    "MatMul and Add": (
        [node("MatMul", "x", "w", "a"), node("Add", "b", "a", "c"), node("Relu", "c", "y")],
        (4,), {"w": W, "b": ones(3)}, 21, "Dense",
    ),
    "Gemm, transposed": (
        [node("Gemm", "x", "w", "b", "y", transB=1)], (4,), {"w": W.T, "b": ones(1)}, 21, "Dense"
    ),
    "Conv, auto_pad, and Add": (
        [node("Conv", "x", "w", "a", auto_pad="SAME_UPPER", strides=[2, 2]),
         node("Add", "a", "b", "y")],
        IMAGE, {"w": K, "b": ones(1, 2, 1, 1)}, 21, "Conv2D",
    ),
    "ReduceMean": (
        [node("ReduceMean", "x", "axes", "y", keepdims=0)],
        IMAGE, {"axes": [2, 3]}, 18, "GlobalAvgPool2D",
    ),
    "ReduceMean, old": (
        [node("ReduceMean", "x", "a", axes=[-1, -2]), node("Flatten", "a", "y")],
        IMAGE, {}, 13, "GlobalAvgPool2D",
    ),
    "Reshape and Flatten": (
        [node("Reshape", "x", "s", "a"), node("Flatten", "a", "b"), node("Reshape", "b", "t", "y")],
        IMAGE, {"s": [0, 0, -1], "t": [-1, 27, 4]}, 21, "Reshape",
    ),
    "Unsqueeze and Squeeze": (
        [node("Unsqueeze", "x", "i", "a"), node("MaxPool", "a", "b", kernel_shape=[2]),
         node("Squeeze", "b", "i", "y")],
        (4,), {"i": [1]}, 21, "Reshape MaxPool1D Flatten",
    ),
    "InstanceNormalization": (
        [node("InstanceNormalization", "x", "g", "b", "y")],
        IMAGE, {"g": ones(3) * 2, "b": ones(3)}, 21, "GroupNorm",
    ),
    "BatchNormalization of sequences": (
        [node("BatchNormalization", "x", "g", "b", "m", "v", "y")],
        (3, 5), {n: ones(3) * k for k, n in enumerate("gbmv", 1)}, 15, "Reshape BatchNorm Reshape",
    ),
    "Pad, some axes": (
        [node("Pad", "x", "p", "", "i", "y")], IMAGE, {"p": [1, 2], "i": [-1]}, 21, "ZeroPad2D"
    ),
    "Resize, half pixels": (
        [node("Resize", "x", "", "s", "y", mode="nearest")],
        IMAGE, {"s": np.array([1, 1, 2, 3], np.float32)}, 21, "UpSampling2D",
    ),
    "PRelu": ([node("PRelu", "x", "s", "y")], IMAGE, {"s": ones(3, 1, 1) / 4}, 21, "PReLU"),
    "swish": (
        [node("Sigmoid", "x", "a"), node("Mul", "x", "a", "y")], (4,), {}, 21, "Activation"
    ),
    "mish": (
        [node("Softplus", "x", "a"), node("Tanh", "a", "b"), node("Mul", "b", "x", "y")],
        (4,), {}, 21, "Activation",
    ),
    "branches in branches": (
        [node("Relu", "x", "a"), node("Tanh", "a", "b"), node("Sigmoid", "a", "c"),
         node("Add", "b", "c", "d"), node("Concat", "x", "d", "e", axis=1),
         node("Identity", "e", "y")],
        (4,), {}, 21, "Parallel",
    ),
    "Sum": (
        [node("Relu", "x", "a"), node("Tanh", "x", "b"), node("Sum", "x", "a", "b", "y")],
        (4,), {}, 21, "Parallel",
    ),
    "Softmax over axis 1": ([node("Softmax", "x", "y", axis=1)], (4,), {}, 11, "Activation"),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_layers_compute_what_the_operators_do(name: str, tmp_path: Path) -> None:
    nodes, shape, constants, opset, kinds = GOOD[name]
    made = model(nodes, shape, constants, opset)
    loaded = nn.load(saved(tmp_path / "m.onnx", made))
    assert " ".join(type(layer).__name__ for layer in loaded.layers) == kinds
    x = RNG.normal(size=(2, *shape)).astype(np.float32)
    want = reference.ReferenceEvaluator(made).run(None, {"x": x})[0]
    np.testing.assert_allclose(loaded.predict(x), want, rtol=1e-5, atol=1e-5)


REFUSED: dict[str, tuple[list[Any], tuple[int, ...], dict[str, Any], str]] = {
    "an operator that is not here": (
        [node("Erf", "x", "a"), node("Einsum", "a", "y", equation="ij->ij")], (4,), {},
        "no layer here for the ONNX operator 'Einsum', 'Erf'",
    ),
    "weights that are computed": (
        [node("Relu", "x", "a"), node("MatMul", "x", "a", "y")], (4,), {},
        "takes several arrays that are computed",
    ),
    "a constant without a bias to be": (
        [node("Relu", "x", "a"), node("Add", "a", "b", "y")], (4,), {"b": ones(4)},
        "a constant is added, but the layer before it has no bias",
    ),
    "a constant factor": ([node("Mul", "x", "b", "y")], (4,), {"b": ones(4)}, "is constant"),
    "branches that cross": (
        [node("Relu", "x", "a"), node("Tanh", "a", "b"), node("Sigmoid", "a", "c"),
         node("Add", "b", "c", "d"), node("Add", "b", "d", "y")],
        (4,), {}, "do not come together again",
    ),
    "branches of two shapes": (
        [node("MatMul", "x", "w", "a"), node("Add", "x", "a", "y")], (4,), {"w": W},
        "Residual|residual",
    ),
    "a Softmax over the width": (
        [node("Softmax", "x", "y", axis=3)], IMAGE, {}, "axis=3 of 4: it runs over axis 1 only"
    ),
    "batches taken apart": (
        [node("Reshape", "x", "s", "y")], IMAGE, {"s": [-1, 36]}, "takes items of a batch"
    ),
    "mirrored padding": (
        [node("Pad", "x", "p", "y", mode="reflect")], IMAGE, {"p": [0, 0, 1, 1, 0, 0, 1, 1]},
        "only with zeros",
    ),
    "weights that do not fit": (
        [node("Gemm", "x", "w", "y")], (5,), {"w": W}, r"weights \(4, 3\) do not fit"
    ),
    "channels that do not fit": (
        [node("Conv", "x", "w", "y")], (4, 6, 6), {"w": K}, "expected shape"
    ),
    "something undefined": ([node("Relu", "z", "y")], (4,), {}, "nothing before it gives 'z'"),
    "a loop": (
        [node("Add", "x", "b", "a"), node("Relu", "a", "b"), node("Relu", "b", "y")], (4,), {},
        "nothing before it gives 'b'",
    ),
    "two of one name": (
        [node("Relu", "x", "y"), node("Tanh", "x", "y")], (4,), {}, "gives 'y' too"
    ),
    "no output": ([node("Relu", "x", "z")], (4,), {}, "no node gives the output 'y'"),
    "a vector of weights": ([node("Gemm", "x", "w", "y")], (4,), {"w": ones(4)}, "do not fit"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_layer_does_is_refused_by_name(name: str, tmp_path: Path) -> None:
    nodes, shape, constants, why = REFUSED[name]
    path = saved(tmp_path / "m.onnx", model(nodes, shape, constants))
    with pytest.raises(nn.CheckpointError, match=rf"(?s)m\.onnx: .*(?:{why})"):
        nn.load(path)


def test_two_inputs_and_open_sizes_are_refused(tmp_path: Path) -> None:
    made = model([node("Add", "x", "z", "y")])
    made.graph.input.append(onnx.helper.make_tensor_value_info("z", 1, ["N", 4]))
    with pytest.raises(nn.CheckpointError, match=r"the graph has 2 inputs \('x', 'z'\)"):
        nn.load(saved(tmp_path / "m.onnx", made))
    made = model([node("Relu", "x", "y")], (3, "H", 8))
    with pytest.raises(nn.CheckpointError, match="export it with fixed sizes"):
        nn.load(saved(tmp_path / "m.onnx", made))


def test_external_data_beside_the_model(tmp_path: Path) -> None:
    made = model([node("Gemm", "x", "w", "y")], (4,), {"w": W})
    path = tmp_path / "m.onnx"
    onnx.save_model(made, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    np.testing.assert_array_equal(nn.load(path).get_weights()[0], W)
