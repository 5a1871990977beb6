"""A model written as an ONNX file."""

from __future__ import annotations

import json
from pathlib import Path

from nnaccel.interop._packages import require
from nnaccel.interop.onnx.graph import INPUT, Graph
from nnaccel.interop.onnx.writers import write_layers
from nnaccel.layers._several import shapes_of
from nnaccel.network.chain import Network
from nnaccel.training.atomic_file import require_writable, write_atomically

_MOST_BYTES = (1 << 31) - (1 << 20)  # of a protobuf message, less what is not weights


def export(network: Network, path: str | Path) -> None:
    """Write a built network to an ONNX file, as it computes in inference.

    Parameters
    ----------
    network : Network
        Its weights are written as float32. Several inputs are called 'input_0', 'input_1', ….
    path : str or Path
        Ends in '.onnx'; replaced atomically if it exists.

    Raises
    ------
    ModuleNotFoundError
        If the package onnx is not installed.
    RuntimeError
        If the network is not built.
    TypeError
        If ONNX has no operator for a layer.
    ValueError
        If the name does not end in '.onnx', or the weights are larger than an ONNX file may be.
    OSError
        If the file cannot be written.
    """
    if Path(path).suffix.lower() != ".onnx":
        raise ValueError(f"{path}: an exported file is ONNX: give a name that ends in '.onnx'")
    shapes = shapes_of(network.input_shape)
    names = [f"{INPUT}_{i}" for i in range(len(shapes))] if network.takes_several else [INPUT]
    onnx = require("onnx")
    require_writable(path)
    if 4 * network.count_params > _MOST_BYTES:
        raise ValueError(f"{network.count_params:,} parameters are more than an ONNX file can hold")
    graph = Graph(onnx)
    output = write_layers(graph, network.layers, tuple(names) if network.takes_several else INPUT)
    note = json.dumps({"input_scale": network.input_scale.description()})
    inputs = dict(zip(names, shapes, strict=True))
    model = graph.model(inputs, output, network.output_shape, note)
    write_atomically(path, model.SerializeToString())
