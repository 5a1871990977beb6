"""Weights of a model here into a state dict of PyTorch's, or a file of PyTorch's or Keras's."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnaccel.backends import to_numpy
from nnaccel.interop._packages import require
from nnaccel.interop.weights.matching import match, refuse
from nnaccel.interop.weights.sources import read
from nnaccel.network.chain import Network
from nnaccel.training.atomic_file import write_atomically

Arrays = dict[str, np.ndarray]
_KERAS = ".weights.h5", ".keras"
_TORCH = ".safetensors", ".pt", ".pth"


def save(network: Network, target: Any, like: Any = None, by: str = "auto") -> None:
    """Copy weights to where another library finds them, as `Sequential.save_weights` says."""
    if isinstance(target, Mapping):
        if like is not None:
            raise TypeError("a state dict is filled as it is: like= is for files")
        _fill(target, _arrays(network, target, by)[2])
        return
    if not isinstance(target, str | Path):
        raise TypeError(
            f"weights go to a state dict or a file, not to a {type(target).__name__}: give "
            "module.state_dict(), or a file's name and like="
        )
    if like is None:
        raise TypeError(
            "a file of weights needs like=: a state dict, or a file, with the names and shapes "
            "that the other library gives them, such as module.state_dict()"
        )
    library, state, arrays = _arrays(network, like, by)
    suffixes = _TORCH if library == "torch" else _KERAS
    suffix = next((s for s in suffixes if str(target).lower().endswith(s)), None)
    if suffix is None or (library == "keras" and not str(like).lower().endswith(suffix)):
        wanted = ", ".join(suffixes) if library == "torch" else "that of like="
        raise ValueError(f"{target}: weights like these go to a file that ends in {wanted}")
    if library == "torch":
        state = {name: _copy(value) for name, value in state.items()}
        _fill(state, arrays)
        write_atomically(target, _of_torch(state, suffix))
    else:
        write_atomically(target, _of_keras(Path(like).read_bytes(), arrays, suffix))


def _arrays(network: Network, like: Any, by: str) -> tuple[str, Any, Arrays]:
    """Return the library, the state dict in `like`, and arrays by their names there."""
    library, groups, state = read(like)
    pairs, faults = match(network, library, groups, by, like)
    refuse(faults, "make the same layers there")
    arrays = {}
    for pair in pairs:
        # Where each of our numbers lies among theirs.
        places = pair.order(np.arange(pair.array.size).reshape(pair.shape))
        array = np.empty(pair.array.size, pair.place.dtype)
        array[places.ravel()] = to_numpy(pair.place).ravel()
        arrays[pair.name] = array.reshape(pair.shape)
    return library, state, arrays


def _fill(state: Any, arrays: Arrays) -> None:
    """Write arrays into those of a state dict, in its dtypes."""
    for name in arrays:
        _require_room(name, state[name])
    for name, array in arrays.items():
        if hasattr(state[name], "copy_"):
            torch = require("torch")
            state[name].detach().copy_(torch.from_numpy(array))
        else:
            state[name][...] = array


def _require_room(name: str, value: Any) -> None:
    """Raise unless an array of a state dict takes floats."""
    if isinstance(value, np.ndarray):
        is_float, is_writeable = value.dtype.kind == "f", value.flags.writeable
    else:
        is_float, is_writeable = value.is_floating_point(), True
    if not is_float:
        raise TypeError(f"{name} holds {value.dtype}, which would cut weights: give it floats")
    if not is_writeable:
        raise ValueError(f"{name} is read-only: give a copy of it")


def _copy(value: Any) -> Any:
    return value.detach().clone() if hasattr(value, "detach") else np.array(value)


def _of_torch(state: dict[str, Any], suffix: str) -> bytes:
    """Return the bytes of a file of PyTorch's."""
    is_numpy = all(isinstance(value, np.ndarray) for value in state.values())
    if suffix == ".safetensors":
        writer = require("safetensors.numpy" if is_numpy else "safetensors.torch")
        return bytes(writer.save(state))
    torch, file = require("torch"), io.BytesIO()
    tensors = {name: torch.as_tensor(value) for name, value in state.items()}
    torch.save(tensors, file)
    return file.getvalue()


def _of_keras(data: bytes, arrays: Arrays, suffix: str) -> bytes:
    """Return the bytes of a file of Keras's with other numbers in it."""
    if suffix != ".keras":
        return _of_h5(data, arrays)
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(made, "w") as after:
        for entry in before.infolist():
            inner = before.read(entry)
            if entry.filename == "model.weights.h5":
                inner = _of_h5(inner, arrays)
            after.writestr(entry, inner)
    return made.getvalue()


def _of_h5(data: bytes, arrays: Arrays) -> bytes:
    h5py, file = require("h5py"), io.BytesIO(data)
    with h5py.File(file, "r+") as tree:
        for name, array in arrays.items():
            tree[name][...] = array
    return file.getvalue()
