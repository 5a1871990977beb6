"""Models from files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnaccel.interop import onnx
from nnaccel.interop._packages import require
from nnaccel.layers._tree import walk
from nnaccel.model.sequential import Sequential
from nnaccel.training import checkpoint as files
from nnaccel.training.layer_descriptions import check_shapes, make_layers, read_input_shape


def load(
    path: str | Path,
    *,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
) -> Sequential:
    """Return the model in a file written by `Sequential.save`, or in an ONNX file.

    Parameters
    ----------
    path : str or Path
        A safetensors file; or one that ends in '.onnx', with a chain, or branches, of operators
        that there are layers for. The model of such a file is not compiled, and the other arguments
        are not for it.
    custom_objects : dict of str to object, optional
        Layer and optimiser classes, losses and metrics of your own, by name.
    compile : bool, default True
        Whether to restore loss, optimiser and metrics. False is enough to predict, and needs no
        loss, optimiser or metric of your own.

    Returns
    -------
    Sequential
        On the current backend.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If it cannot be read.
    CheckpointError
        If it holds no model of nnaccel, or an ONNX operator without a layer, which is named.
    ModuleNotFoundError
        If it ends in '.onnx', and the package onnx is not installed.

    Warns
    -----
    UserWarning
        If some of its numbers are NaN or infinite.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from nnaccel.layers import Dense
    >>> model = Sequential([Dense(2)])
    >>> model.build((3,))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.safetensors")
    ...     model.save(path)
    ...     again = load(path)
    >>> bool((again.weights == model.weights).all())
    True
    """
    if Path(path).suffix.lower() == ".onnx":
        return _load_onnx(Path(path))
    arrays, described = files.read(path)
    with files.reading(path):
        made = make_layers(described["layers"], custom_objects)
        shape = read_input_shape(described)
        check_shapes(made, shape, arrays)
        model = Sequential(made, seed=described["seed"], dtype=described["dtype"])
        model.build(shape)
        if not compile:
            described = {k: v for k, v in described.items() if k != "loss"}
        model.load_state(arrays, described, _by_any_name(custom_objects or {}))
    files.warn_of_nan(path, arrays)
    return model


def _load_onnx(path: Path) -> Sequential:
    """Return the model in an ONNX file."""
    files.require_file(path)
    require("onnx")
    with files.reading(path):
        found = onnx.load(path)
        model = Sequential(found.layers)
        arrays = {
            f"{name}.{key}": array
            for name, layer in walk(model.layers)
            for key, array in found.weights.get(layer, {}).items()
        }
        check_shapes(model.layers, found.input_shape, arrays)
        model.build(found.input_shape)
        model.set_weights([arrays[name] for name in model.arrays])
        model.input_scale = found.input_scale
    files.warn_of_nan(path, arrays)
    return model


def _by_any_name(custom: Mapping[str, Any]) -> dict[str, Any]:
    """Return losses and metrics under their names in files too, beside those of their classes."""
    named = {getattr(thing, "name", None): thing for thing in custom.values()}
    return {name: thing for name, thing in named.items() if isinstance(name, str)} | dict(custom)
