"""An ONNX graph that is being written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nnaccel.backends import to_numpy

OPSET, IR_VERSION = 21, 10
INPUT, OUTPUT = "input", "output"


class Graph:
    """Nodes and constants in order, named by the path of the layer they come from."""

    def __init__(self, onnx: Any) -> None:
        self._onnx = onnx
        self._nodes: list[Any] = []
        self._constants: dict[str, np.ndarray] = {}
        self._path: list[str] = []
        self._names: set[str] = {INPUT, OUTPUT}

    @contextlib.contextmanager
    def within(self, name: str) -> Iterator[None]:
        """Name what is added after a layer, and the layers that it lies in."""
        self._path.append(name)
        try:
            yield
        finally:
            self._path.pop()

    def constant(self, name: str, value: Any, dtype: Any = np.float32) -> str:
        """Add a constant, and return its name."""
        name = self._free(f"{'/'.join(self._path)}.{name}")
        self._constants[name] = np.asarray(to_numpy(value), dtype, order="C")
        return name

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output, and return the output's name."""
        name = self._free("/".join([*self._path, operator.lower()]))
        node = self._onnx.helper.make_node(operator, list(inputs), [name], name=name, **attributes)
        self._nodes.append(node)
        return name

    def model(
        self, inputs: Mapping[str, Sequence[int]], output: str, shape: Sequence[int], note: str
    ) -> Any:
        """Return the whole as a ModelProto.

        Parameters
        ----------
        inputs : mapping of str to shape
            Names, and shapes without the batch axis.
        output : str
            What is computed.
        shape : shape
            Of the output.
        note : str
            Kept beside the graph, under 'nnaccel'.
        """
        if output in inputs:
            output = self.add("Identity", output)
        for node in self._nodes:
            if node.output[0] == output:
                node.output[0] = OUTPUT
        helper, kind = self._onnx.helper, self._onnx.TensorProto.FLOAT
        *starts, end = [
            helper.make_tensor_value_info(name, kind, ["N", *sizes])
            for name, sizes in {**inputs, OUTPUT: shape}.items()
        ]
        constants = [self._onnx.numpy_helper.from_array(a, n) for n, a in self._constants.items()]
        graph = helper.make_graph(self._nodes, "nnaccel", starts, [end], constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="nnaccel",
        )
        helper.set_model_props(model, {"nnaccel": note})
        return model

    def _free(self, name: str) -> str:
        """Return the name, with a number behind if it is taken."""
        found, number = name, 1
        while found in self._names:
            number += 1
            found = f"{name}_{number}"
        self._names.add(found)
        return found
