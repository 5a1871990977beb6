"""Files and dicts of weights as groups of arrays, one for each layer there."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnaccel._text import shorten
from nnaccel.backends import is_of_other_library, view
from nnaccel.interop._packages import require
from nnaccel.training import checkpoint
from nnaccel.training.checkpoint import CheckpointError


@dataclass
class Group:
    """The arrays of a layer.

    Attributes
    ----------
    name : str
        What the layer is called there.
    kind : str
        Such as 'conv2d' in Keras; '' in PyTorch, which tells none.
    arrays : dict of str to array
        By name, such as 'weight', or by number.
    place : str
        What stands before those names in the state dict or file.
    """

    name: str
    kind: str
    arrays: dict[str, Any]
    place: str


def read(source: Any) -> tuple[str, list[Group], Any]:
    """Return 'torch' or 'keras', the groups of arrays there, and a state dict; None for Keras.

    Raises
    ------
    ModuleNotFoundError
        If the package that reads such a file is not installed.
    OSError, CheckpointError
        If the file cannot be read, or holds something else.
    TypeError
        If it is neither a file's name nor a dict of arrays.
    """
    if isinstance(source, Mapping):
        return "torch", _of_state_dict(source), source
    if hasattr(source, "state_dict"):
        raise TypeError(f"a {type(source).__name__} is no dict: give .state_dict() of it")
    if not isinstance(source, str | Path):
        raise TypeError(
            f"expected a file's name or a state dict, got {type(source).__name__}: give "
            "module.state_dict(), or a .safetensors, .pt, .weights.h5 or .keras file"
        )
    path = Path(source)
    for suffix, (library, package, reader) in _READERS.items():
        if path.name.lower().endswith(suffix):
            checkpoint.require_file(path)
            module = require(package)
            with checkpoint.reading(path):
                content = reader(module, path)
                if library == "torch":
                    return library, _of_state_dict(content), content
                return library, content, None
    raise CheckpointError(f"{path}: weights come in files of {', '.join(_READERS)}")


def _of_state_dict(state: Mapping[Any, Any]) -> list[Group]:
    """Return the groups of PyTorch's names, such as 'features.0.weight'."""
    groups: dict[str, Group] = {}
    for key, value in state.items():
        if not isinstance(key, str) or not hasattr(value, "shape"):
            raise CheckpointError(
                f"{shorten(repr(key))} is of type {type(value).__name__}, no array: "
                "give the state dict alone, such as checkpoint['state_dict']"
            )
        layer, _, name = key.rpartition(".")
        if name != "num_batches_tracked":
            group = groups.setdefault(layer, Group(layer, "", {}, f"{layer}." if layer else ""))
            group.arrays[name] = _as_numpy(value)
    return list(groups.values())


def _as_numpy(value: Any) -> Any:
    """Return a tensor as a NumPy array, widened if it has 16 bits."""
    if not is_of_other_library(value):
        return np.asarray(value)
    value = value.detach() if hasattr(value, "detach") else value
    return view(value.float() if str(value.dtype) == "torch.bfloat16" else value)


def _read_safetensors(safetensors: Any, path: Path) -> dict[str, Any]:
    with safetensors.safe_open(path, framework="numpy") as file:
        if "nnaccel" in (file.metadata() or {}):
            raise CheckpointError("a whole model of nnaccel: give it to nn.load")
        names = sorted(file.keys(), key=_natural)  # the file has an order of its own
        return {name: file.get_tensor(name) for name in names}


def _read_pt(torch: Any, path: Path) -> Mapping[Any, Any]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        if type(error).__name__ != "UnpicklingError":
            raise
        raise CheckpointError(
            "holds more than tensors, which could run code. To fix: save module.state_dict() alone"
        ) from None
    if not isinstance(state, Mapping):
        raise CheckpointError(f"holds a {type(state).__name__}, no state dict")
    return state


def _read_keras(h5py: Any, path: Path) -> list[Group]:
    try:
        if path.suffix.lower() != ".keras":
            with h5py.File(path, "r") as file:
                return list(_of_h5(h5py, file))
        with (
            zipfile.ZipFile(path) as archive,
            archive.open("model.weights.h5") as inner,
            h5py.File(inner, "r") as file,
        ):
            return list(_of_h5(h5py, file))
    except OSError as error:
        if error.errno:  # of the system, which says what it is
            raise
        raise CheckpointError("it is not a file of Keras's, or is damaged") from None


def _of_h5(h5py: Any, group: Any, depth: int = 0) -> Iterator[Group]:
    """Yield the groups of Keras's tree: layers/<kind>_<number>/vars/<number>."""
    if depth > 64:
        raise CheckpointError("its groups within groups are more than 64 deep")
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise CheckpointError(f"{shorten(repr(name))} is a link, and may lead anywhere")
        inner = group[name]
        if not isinstance(inner, h5py.Group):
            continue
        yield from _of_h5(h5py, inner, depth + 1)
        if "vars" in inner and len(inner["vars"]):
            variables = inner["vars"]
            arrays = {key: _dataset(variables[key]) for key in sorted(variables, key=_number)}
            kept = str(variables.attrs.get("name", name))
            yield Group(kept, name, arrays, f"{variables.name}/")


def _dataset(data: Any) -> np.ndarray:
    """Return the numbers of a dataset, which must lie in the file, and fill it."""
    if data.external or data.is_virtual or data.dtype.kind not in "fiu":
        raise CheckpointError(f"{shorten(repr(data.name))} is no plain array of numbers")
    if data.nbytes > (64 << 20) and data.nbytes > 1000 * max(1, data.id.get_storage_size()):
        raise CheckpointError(f"{shorten(repr(data.name))} has shape {data.shape}, but no numbers")
    return np.asarray(data[()])


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort 2.weight before 10.weight."""
    return [(_number(part), part) for part in name.split(".")]


def order_is_told(groups: list[Group]) -> bool:
    """Whether names alone tell the order: of names beside each other, all are numbers."""
    children: dict[str, set[str]] = {}
    for group in groups:
        parts = group.name.split(".")
        for level, part in enumerate(parts):
            children.setdefault(".".join(parts[:level]), set()).add(part)
    return all(len(c) == 1 or all(map(str.isdecimal, c)) for c in children.values())


def _number(key: str) -> int:
    return int(key) if key.isdecimal() else -1


_READERS: dict[str, tuple[str, str, Any]] = {
    ".safetensors": ("torch", "safetensors", _read_safetensors),
    ".pt": ("torch", "torch", _read_pt),
    ".pth": ("torch", "torch", _read_pt),
    ".weights.h5": ("keras", "h5py", _read_keras),
    ".keras": ("keras", "h5py", _read_keras),
}
