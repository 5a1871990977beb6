"""An ONNX file as layers with their weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nnaccel import layers
from nnaccel.interop._packages import require
from nnaccel.interop.onnx.making import Making, Weights
from nnaccel.interop.onnx.operators import LOADS
from nnaccel.interop.onnx.read import Node, read
from nnaccel.interop.onnx.structure import Fork, Step, nodes, steps
from nnaccel.layers import Layer, Shape
from nnaccel.network.input_scale import InputScale
from nnaccel.training.checkpoint import CheckpointError

_JOINS = {"Add": "add", "Sum": "add", "Mul": "multiply", "Concat": "concat"}


@dataclass
class Loaded:
    """What an ONNX file holds.

    Attributes
    ----------
    layers : list of Layer
        Not built.
    input_shape : tuple of int
        Without the batch axis.
    weights : dict of Layer to dict of str to array
        Parameters and states, by their names in the layer.
    input_scale : InputScale
        Of a model of nnaccel's; else an empty one.
    """

    layers: list[Layer]
    input_shape: Shape
    weights: Weights
    input_scale: InputScale


def load(path: str | Path) -> Loaded:
    """Read an ONNX file of chains and branches of what there are layers for.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    ModuleNotFoundError
        If the package onnx is not installed.
    CheckpointError
        If the file is damaged, or holds an operator that no layer here is, which is named.
    """
    reading = read(require("onnx"), Path(path))
    chain = steps(reading)
    _require_known(nodes(chain))
    making = Making(reading.input_shape, {})
    _append(making, chain)
    told = reading.output_shape
    if told and any(n not in (None, found) for n, found in zip(told, making.shape, strict=False)):
        raise CheckpointError(f"its output is said to be {told}, but is {making.shape}")
    scale = reading.note.get("input_scale")
    return Loaded(
        making.layers or [layers.Activation("linear")],
        reading.input_shape,
        making.weights,
        InputScale() if scale is None else InputScale.from_description(scale),
    )


def _require_known(found: list[Node]) -> None:
    """Raise a CheckpointError that names all operators without a layer."""
    known = {*LOADS, *_JOINS}
    lacking = sorted({node.operator for node in found} - known)
    if lacking:
        raise CheckpointError(
            f"there is no layer here for the ONNX operator {', '.join(map(repr, lacking[:9]))}"
        )


def _append(making: Making, chain: list[Step]) -> None:
    """Append the layers of nodes and forks."""
    for step in chain:
        if isinstance(step, Fork):
            _append_fork(making, step)
        elif step.operator in LOADS:
            if not isinstance(step.inputs[0], str) and step.operator != "Add":
                raise step.refused("its first input must be what is computed, not a constant")
            LOADS[step.operator](step, making)
        else:
            raise step.refused("one of its inputs is constant, but it is taken here for branches")


def _append_fork(making: Making, fork: Fork) -> None:
    """Append the layer that its branches are, joined."""
    node, branches = fork.node, []
    if node.operator not in _JOINS or len(node.data) < len(node.inputs):
        raise node.refused("it takes several arrays that are computed, which no layer here does")
    for branch in fork.branches:
        inside = Making(making.shape, making.weights)
        _append(inside, branch)
        branches.append(inside.layers)
    join = _JOINS[node.operator]
    if join == "concat" and node.attributes.get("axis") not in (1, -len(making.shape)):
        raise node.refused(f"axis={node.attributes.get('axis')}: only channels are joined, axis=1")
    gate = _gate(branches) if join == "multiply" else None
    if gate is not None:
        making.activate(gate)
    elif join == "add" and len(branches) == 2 and [] in branches:
        making.add(layers.Residual(branches[0] or branches[1]))
    else:
        making.add(layers.Parallel(*branches, join=join))


def _gate(branches: list[list[Layer]]) -> str | None:
    """Return the activation that is the input times a gate made of it, if the branches are that."""
    names = [
        [layer.activation if isinstance(layer, layers.Activation) else "" for layer in branch]
        for branch in sorted(branches, key=len)
    ]
    if names == [[], ["sigmoid"]]:
        return "swish"
    return "mish" if names == [[], ["softplus", "tanh"]] else None
