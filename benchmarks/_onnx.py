"""A model of convolutions, pooling and dense layers as a session of ONNX Runtime on one thread."""

from __future__ import annotations

from typing import Any

from nnaccel import layers
from nnaccel.model.sequential import Sequential


def session(model: Sequential) -> Any:
    """Return the session; its input is x, and its weights are those of the model."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights, last = [], [], "x"
    for number, layer in enumerate(model.layers):
        names = [f"{number}.{name}" for name in layer.params]
        weights += [
            numpy_helper.from_array(a, n) for n, a in zip(names, layer.params.values(), strict=True)
        ]
        for op, given, settings in _ops(layer, names):
            output = f"t{len(nodes)}"
            nodes.append(helper.make_node(op, [last, *given], [output], **settings))
            last = output
    shape = ["n", *model.input_shape]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info(last, TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "model", [x], [y], weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(made.SerializeToString(), options)


def _ops(layer: Any, names: list[str]) -> list[tuple[str, list[str], dict[str, Any]]]:
    """Operator, inputs behind the last result, and settings of a layer's nodes, in order."""
    if isinstance(layer, layers.MaxPool2D):
        size = list(layer.kernel_size)
        return [("MaxPool", [], {"kernel_shape": size, "strides": size})]
    activation = {"relu": "Relu", "softmax": "Softmax"}[layer.activation]
    if isinstance(layer, layers.Conv2D):
        return [("Conv", names, {}), (activation, [], {})]
    return [("Flatten", [], {}), ("Gemm", names, {}), (activation, [], {})]
