"""Checkpoints: safetensors files of arrays, with a description in JSON.

A file holds numbers and names, no code. It is written under a temporary name and renamed, so that
a file on disk is always complete.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnaccel import _validate, layers, optim
from nnaccel._text import escaped, shorten
from nnaccel._validate import warn_caller
from nnaccel.layers import Layer
from nnaccel.layers._base import SWITCHES
from nnaccel.layers._composite import MOST_DEPTH, Composite
from nnaccel.layers._tree import map_layers
from nnaccel.training.atomic_file import require_writable, write_atomically

_KEY, _FORMAT = "nnaccel", 2
_MOST_NUMBERS = 2**31  # in one input of a model, or one output of a layer
_LAYERS = {
    name: kind
    for name, kind in vars(layers).items()
    if isinstance(kind, type) and issubclass(kind, Layer) and kind is not Layer
}


class CheckpointError(ValueError):
    """The file is not a checkpoint of nnaccel, or not of this model."""


def write(path: str | Path, arrays: Mapping[str, np.ndarray], description: Any) -> None:
    """Write arrays and their description to a safetensors file, atomically.

    Parameters
    ----------
    path : str or Path
        Overwritten if it exists; its folder must exist.
    arrays : dict of str to array
        On the host.
    description : object
        JSON values.
    """
    from safetensors.numpy import save

    require_place(path)
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_atomically(path, save(whole, {_KEY: json.dumps({"format": _FORMAT, **description})}))


def read(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays and the description in a file written by `write`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If it cannot be read.
    CheckpointError
        If the file is not a checkpoint, or is damaged.
    """
    from safetensors import safe_open

    path = Path(path)
    require_file(path)
    _refuse_other(path)
    with reading(path), safe_open(path, framework="numpy") as file:
        description = _description(file.metadata() or {})
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return arrays, description


def _refuse_other(path: Path) -> None:
    """Raise a CheckpointError for weights of PyTorch or Keras: they do not tell the layers."""
    with reading(path), path.open("rb") as file:
        if file.read(4) in (b"PK\3\4", b"\x89HDF"):
            raise CheckpointError(
                "a file of PyTorch or Keras. To fix: make the same layers, build the model and "
                "give the file to model.load_weights"
            )


def parse(path: str | Path, data: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return what `read` does, of the bytes of the file at `path`, which another process read.

    Raises
    ------
    CheckpointError
        If they are no checkpoint, or damaged.
    """
    from safetensors.numpy import load

    with reading(path):
        arrays = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        return arrays, _description(header.get("__metadata__", {}))


def _description(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return the description of a model in a file's metadata."""
    if _KEY not in metadata:
        raise CheckpointError("holds arrays, but no model of nnaccel")
    description = json.loads(metadata[_KEY])
    if not isinstance(description, dict) or description.get("format") != _FORMAT:
        raise CheckpointError("written by another version of nnaccel, or not whole")
    return description


def require_file(path: Path) -> None:
    """Raise an OSError unless there is a file that can be read."""
    with reading(path):
        if not path.exists():
            raise FileNotFoundError(f"there is no model file {path}")
        if not path.is_file():
            what = "a folder" if path.is_dir() else "no regular file"
            raise OSError(errno.EISDIR, f"it is {what}")
        with open(path, "rb"):  # says what is wrong with a file that cannot be read
            pass


def require_place(path: str | Path) -> None:
    """Raise an error unless a model can be saved to `path`, in place of nothing or of a model.

    Raises
    ------
    OSError
        If the file cannot be written, or holds something else.
    """
    require_writable(path)
    real = Path(os.path.realpath(path))
    if real.is_file() and real.stat().st_size and not _is_safetensors(real):
        raise OSError(f"cannot save to {path}: it exists and is no model file; give another name")


def _is_safetensors(path: Path) -> bool:
    """Whether a file begins as safetensors do: with the length of a header in JSON."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        begin = file.read(9)
        return begin[8:] == b"{" and int.from_bytes(begin[:8], "little") < path.stat().st_size
    return True  # whoever writes will say what is wrong with it


@contextlib.contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Make every error while reading a file one that names the file, mostly a CheckpointError."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        why = error.strerror or str(error)
        raise OSError(error.errno, f"cannot read {path}: {why}") from error
    except MemoryError as error:
        raise MemoryError(f"{path}: not enough memory for it: {error}") from error
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    except KeyError as error:
        raise CheckpointError(f"{path}: not a whole model file: {error} is missing") from error
    except Exception as error:  # a damaged file can cause any error
        what = shorten(" ".join(str(error).split()), 500) or type(error).__name__
        raise CheckpointError(f"{path}: not a whole model file: {what}") from error


def read_count(described: Mapping[str, Any], key: str) -> int:
    """Return the whole number of at least 0 under `key`; CheckpointError for anything else."""
    count = described[key]
    if type(count) is not int or count < 0:
        raise CheckpointError(f"{key}={shorten(repr(count))} must be a whole number of at least 0")
    return count


def read_input_shape(described: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the input shape of the model, or those of several; CheckpointError for none."""
    given = described["input_shape"]
    if isinstance(given, list) and given and isinstance(given[0], list):  # of several inputs
        return tuple(_read_shape(shape) for shape in given)
    return _read_shape(given)


def _read_shape(shape: Any) -> tuple[int, ...]:
    """Return the shape of an input; CheckpointError for what is none."""
    if not (isinstance(shape, list) and all(type(n) is int and n > 0 for n in shape)):
        raise CheckpointError(
            f"input_shape={shorten(repr(shape))} must be a list of whole numbers of at least 1"
        )
    if math.prod(shape) > _MOST_NUMBERS:
        raise CheckpointError(
            f"input_shape={shorten(repr(shape))} has more than {_MOST_NUMBERS:,} numbers"
        )
    return tuple(shape)


def warn_of_nan(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Warn of arrays of a model file that hold NaN or infinity."""
    bad = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if bad:
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        warn_caller(
            f"{path}: not all numbers are finite in {', '.join(map(escaped, bad[:3]))}{more}; "
            "what the model gives may be no numbers either"
        )


def describe_layers(chain: list[Layer]) -> list[dict[str, Any]]:
    """Return class name and settings of each layer, as JSON values."""
    return [_describe_layer(layer) for layer in chain]


def _describe_layer(layer: Layer) -> dict[str, Any]:
    config = {key: map_layers(value, _describe_layer) for key, value in layer.config().items()}
    described: dict[str, Any] = {"class": type(layer).__name__, "config": config}
    if "name" not in described["config"]:
        described["name"] = layer.name
    if not isinstance(layer, Composite):  # whose layers tell it
        now = {name: getattr(layer, name) for name in SWITCHES}
        described |= {name: value for name, value in now.items() if value != SWITCHES[name]}
    return described


def make_layers(
    described: list[dict[str, Any]], custom: Mapping[str, type[Layer]] | None = None
) -> list[Layer]:
    """Return layers from the result of `describe_layers`.

    Parameters
    ----------
    described : list of dict
    custom : dict of str to type, optional
        The user's layer classes, by name.

    Raises
    ------
    CheckpointError
        If a class is unknown or a setting is not one of its arguments.
    """
    known = {**_LAYERS, **(custom or {})}
    return [_make_layer(entry, known, 0) for entry in described]


def _make_layer(entry: dict[str, Any], known: Mapping[str, type[Layer]], level: int) -> Layer:
    """Return a layer that lies this many layers deep."""
    if level > MOST_DEPTH:
        raise CheckpointError(f"its layers within layers are more than {MOST_DEPTH} deep")
    kind = known.get(entry["class"])
    if kind is None:
        hint = "; pass a layer of your own in custom_objects"
        raise CheckpointError(_validate.unknown_name("layer", entry["class"], list(known)) + hint)

    def with_layers(value: Any) -> Any:
        """A setting whose layers are made of their descriptions."""
        if isinstance(value, dict):
            return _make_layer(value, known, level + 1)
        return [with_layers(item) for item in value] if isinstance(value, list) else value

    config = entry["config"]
    try:
        if issubclass(kind, Composite):
            layer: Layer = kind.from_config({k: with_layers(v) for k, v in config.items()})
        else:
            layer = kind(**config)
        layer.name = str(entry.get("name", layer.name))
        if not isinstance(layer, Composite):  # whose layers have been told
            for switch, default in SWITCHES.items():
                setattr(layer, switch, entry.get(switch, default))
    except CheckpointError:
        raise
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"layer {entry['class']}: {error}") from None
    return layer


def check_shapes(
    chain: list[Layer],
    input_shape: tuple[int, ...],
    arrays: dict[str, np.ndarray],
    prefix: str = "",
) -> None:
    """Raise a CheckpointError unless `arrays` has each layer's arrays, in the right shapes."""
    shape = input_shape
    for layer in chain:
        path = prefix + layer.name
        if isinstance(layer, Composite):
            starts = layer.starts_for(shape)
            for branch, start in zip(layer.branches_for(shape), starts, strict=True):
                check_shapes(branch, start, arrays, f"{path}/")
        specs = {**layer.parameter_specs(shape), **layer.state_specs(shape)}
        for name, (wanted, _) in specs.items():
            found = arrays.get(f"{path}.{name}")
            if found is None or found.shape != wanted:
                what = "is missing" if found is None else f"has shape {found.shape}"
                raise CheckpointError(f"{path}.{name} {what}; expected shape {wanted}")
        shape = layer.infer_shape(shape)
        if math.prod(shape) > _MOST_NUMBERS:
            raise CheckpointError(
                f"layer {path!r} gives {shorten(repr(shape))}, more than {_MOST_NUMBERS:,} numbers"
            )


def describe_optimizer(optimizer: optim.Optimizer) -> dict[str, Any]:
    """Return name and settings of an optimiser, as JSON values."""
    return {"name": optim.name_of(type(optimizer)), "config": optimizer.config()}


def split_arrays(
    states: dict[str, dict[str, Any]], prefix: str
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Split the callbacks' states into JSON values, and arrays by their key in the file."""
    plain: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    for owner, state in states.items():
        plain[owner] = {}
        for key, value in state.items():
            if isinstance(value, dict) and any(isinstance(v, np.ndarray) for v in value.values()):
                arrays |= {f"{prefix}{owner}/{key}/{name}": a for name, a in value.items()}
            else:
                plain[owner][key] = value
    return plain, arrays


def join_arrays(
    plain: dict[str, Any], arrays: dict[str, np.ndarray], prefix: str
) -> dict[str, dict[str, Any]]:
    """Return the callbacks' states from the result of `split_arrays`."""
    states = {owner: dict(state) for owner, state in plain.items()}
    for key, array in arrays.items():
        if key.startswith(prefix):
            owner, name, item = key[len(prefix) :].split("/", 2)
            states.setdefault(owner, {}).setdefault(name, {})[item] = array
    return states
