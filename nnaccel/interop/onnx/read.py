"""An ONNX file as a graph whose constants are arrays."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nnaccel._text import shorten
from nnaccel.interop.onnx._wire import check_size
from nnaccel.training.checkpoint import CheckpointError

_MOST_BYTES = (1 << 31) - 1  # of a protobuf message
_MOST_NODES = 20_000
_MOST_NUMBERS = 1 << 31  # in one array, or one input
#: Constants that are no weights may be of any of these.
_DTYPES = {np.dtype(n) for n in ("float16", "float32", "float64", "int32", "int64")}


@dataclass(eq=False)
class Node:
    """A node: what it computes, from what, and its attributes.

    Attributes
    ----------
    operator : str
        Such as 'Conv'; with its domain in front if that is not ONNX's own.
    label : str
        For errors.
    data : list of str
        Inputs that are computed.
    inputs : list of array, str or None
        All inputs: constants as arrays, computed ones by name, None for one that is left out.
    attributes : dict
    opset : int
        Version of ONNX's operators.
    output : str
    """

    operator: str
    label: str
    data: list[str]
    inputs: list[Any]
    attributes: dict[str, Any]
    opset: int
    output: str

    def constant(self, number: int) -> np.ndarray | None:
        """Return an input that must be constant, or None where it is left out."""
        value = self.inputs[number] if number < len(self.inputs) else None
        if isinstance(value, str):
            raise self.refused(f"its input {number + 1} is computed, but must be constant here")
        return value

    def weights(self, number: int) -> np.ndarray:
        """Return an input that must be there, constant, and hold floats."""
        value = self.constant(number)
        if value is None or value.dtype.kind != "f":
            raise self.refused(f"its input {number + 1} must be a constant array of floats")
        return value

    def whole_numbers(self, name: str, number: int) -> list[int] | None:
        """Return numbers that older versions keep as an attribute, newer ones as an input."""
        value = self.constant(number)
        found = self.attributes.get(name) if value is None else value
        return None if found is None else [int(v) for v in np.ravel(found)]

    def refused(self, why: str) -> CheckpointError:
        """Return an error that names the node."""
        return CheckpointError(f"{self.label}: {why}")


@dataclass
class Reading:
    """A graph from one input to one output, its nodes in order."""

    input: str
    output: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int | None, ...] | None
    nodes: list[Node] = field(default_factory=list)
    note: dict[str, Any] = field(default_factory=dict)


def read(onnx: Any, path: Path) -> Reading:
    """Return the graph in a file.

    Raises
    ------
    CheckpointError
        If the file is damaged, names files outside its folder, or is no graph from one input to
        one output.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise CheckpointError("larger than an ONNX file can be: 2 GiB")
    data = path.read_bytes()
    check_size(data, onnx.ModelProto.DESCRIPTOR)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception:  # of the implementation of protobuf that there is
        raise CheckpointError("it is not an ONNX file, or is damaged") from None
    graph = model.graph
    if not graph.node or not graph.output:
        raise CheckpointError("holds no ONNX graph")
    if len(graph.node) > _MOST_NODES:
        raise CheckpointError(f"has more than {_MOST_NODES:,} nodes")
    opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1)
    constants = {t.name: _array(onnx, t, path.parent) for t in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    _one("input", inputs)
    _one("output", graph.output)
    found = Reading(
        inputs[0].name,
        graph.output[0].name,
        _input_shape(onnx, inputs[0]),
        _known_shape(graph.output[0]),
        note=_note(model),
    )
    computed = {found.input}
    for number, proto in enumerate(graph.node):
        attributes = {a.name: _attribute(onnx, a, path.parent) for a in proto.attribute}
        if proto.op_type == "Constant" and isinstance(attributes.get("value"), np.ndarray):
            constants[proto.output[0]] = attributes["value"]
            continue
        domain = "" if proto.domain in ("", "ai.onnx") else f"{proto.domain}."
        operator = shorten(domain + proto.op_type)
        label = f"node {shorten(repr(proto.name or number))} ({operator})"
        for name in proto.input:
            if name and name not in computed and name not in constants:
                raise CheckpointError(f"{label}: nothing before it gives {shorten(repr(name))}")
        data_inputs = [name for name in proto.input if name in computed]
        values = [constants.get(n, n or None) if n not in computed else n for n in proto.input]
        output = proto.output[0] if proto.output else ""
        if output in computed or output in constants:
            raise CheckpointError(f"{label}: something before it gives {shorten(repr(output))} too")
        found.nodes.append(Node(operator, label, data_inputs, values, attributes, opset, output))
        computed.add(output)
    if found.output not in computed:
        raise CheckpointError(f"no node gives the output {shorten(repr(found.output))}")
    return found


def _one(what: str, values: Any) -> None:
    if len(values) != 1:
        names = ", ".join(shorten(repr(v.name)) for v in list(values)[:4])
        raise CheckpointError(f"the graph has {len(values)} {what}s ({names}), but one is taken")


def _attribute(onnx: Any, attribute: Any, folder: Path) -> Any:
    """Return the value of an attribute; tensors as arrays, text as str."""
    if attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS):
        return None
    value = onnx.helper.get_attribute_value(attribute)
    if attribute.type == onnx.AttributeProto.TENSOR:
        return _array(onnx, value, folder)
    if attribute.type == onnx.AttributeProto.FLOAT:
        return float(str(np.float32(value)))  # 0.99, not the double next to it in 32 bits
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _array(onnx: Any, tensor: Any, folder: Path) -> np.ndarray:
    """Return a tensor's numbers, whose shape and file are what the message says: to be checked."""
    name, shape = shorten(repr(tensor.name)), tuple(tensor.dims)
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
    except (KeyError, TypeError):
        raise CheckpointError(f"tensor {name} has no dtype that is known") from None
    if dtype not in _DTYPES:
        raise CheckpointError(f"tensor {name} has dtype {dtype}; wanted are floats")
    size = math.prod(shape)
    if any(n < 0 for n in shape) or size > _MOST_NUMBERS:
        raise CheckpointError(f"tensor {name} has shape {shorten(repr(shape))}")
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        return _external(tensor, name, folder, dtype.newbyteorder("<"), size).reshape(shape)
    try:
        return np.asarray(onnx.numpy_helper.to_array(tensor))
    except ValueError:
        raise CheckpointError(
            f"tensor {name} says it has shape {shorten(repr(shape))}, but holds other numbers"
        ) from None


def _external(tensor: Any, name: str, folder: Path, dtype: np.dtype[Any], size: int) -> np.ndarray:
    """Return numbers from a file beside the model: in its folder, and nowhere else."""
    where = {entry.key: entry.value for entry in tensor.external_data}
    place = Path(os.path.realpath(folder / where.get("location", "")))
    shown = shorten(repr(where.get("location", "")))
    if not place.is_relative_to(os.path.realpath(folder)):
        raise CheckpointError(f"tensor {name} lies in {shown}, outside the folder of the model")
    if not place.is_file():
        raise CheckpointError(f"tensor {name} lies in {shown}, which is no file beside the model")
    offset, wanted = int(where.get("offset") or 0), size * dtype.itemsize
    if offset < 0 or offset + wanted > place.stat().st_size:
        raise CheckpointError(f"tensor {name} does not fit in {shown}, where it is said to lie")
    with open(place, "rb") as file:
        file.seek(offset)
        return np.frombuffer(file.read(wanted), dtype).astype(dtype.newbyteorder("="))


def _known_shape(value: Any) -> tuple[int | None, ...] | None:
    """Return the sizes without the batch axis, None for one that is open; None if none is told."""
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        return None
    return tuple(d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim)[1:]


def _input_shape(onnx: Any, value: Any) -> tuple[int, ...]:
    """Return the shape of one input."""
    floats = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE
    if value.type.tensor_type.elem_type not in floats:
        raise CheckpointError(f"its input {shorten(repr(value.name))} does not hold floats")
    shape = _known_shape(value)
    if not shape or any(n is None or n < 1 for n in shape):
        told = "no shape" if shape is None else f"shape {('N', *shape)}"
        raise CheckpointError(
            f"its input {shorten(repr(value.name))} has {shorten(told)}: all sizes but the first "
            "must be known. To fix: export it with fixed sizes"
        )
    known = tuple(int(n) for n in shape if n)
    if math.prod(known) > _MOST_NUMBERS:
        raise CheckpointError(f"its inputs {shorten(repr(known))} are too large")
    return known


def _note(model: Any) -> dict[str, Any]:
    """Return what nnaccel noted in a file that it wrote; else nothing."""
    for entry in model.metadata_props:
        if entry.key == "nnaccel":
            found = json.loads(entry.value)
            return found if isinstance(found, dict) else {}
    return {}
