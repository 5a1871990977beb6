"""ONNX files made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install onnx")


def node(operator: str, *names: str, **attributes: Any) -> Any:
    """A node from all names but the last to the last."""
    return onnx.helper.make_node(operator, list(names[:-1]), [names[-1]], **attributes)


def model(
    nodes: list[Any],
    shape: tuple[Any, ...] = (4,),
    constants: dict[str, Any] | None = None,
    opset: int = 21,
    output_shape: tuple[Any, ...] | None = None,
) -> Any:
    """A model from x to y."""
    kind = onnx.TensorProto.FLOAT
    ends = [
        onnx.helper.make_tensor_value_info("x", kind, ["N", *shape]),
        onnx.helper.make_tensor_value_info("y", kind, output_shape),
    ]
    arrays = [onnx.numpy_helper.from_array(np.asarray(a), n) for n, a in (constants or {}).items()]
    graph = onnx.helper.make_graph(nodes, "g", ends[:1], ends[1:], arrays)
    imports = [onnx.helper.make_opsetid("", opset)]
    return onnx.helper.make_model(graph, opset_imports=imports, ir_version=10)


def saved(path: Path, made: Any) -> Path:
    path.write_bytes(made.SerializeToString())
    return path


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)
