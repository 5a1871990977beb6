"""Checkpoints: safetensors files of arrays, with a description in JSON.

A file holds numbers and names, no code. It is written under a temporary name and renamed, so that
a file on disk is always complete.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnaccel._text import escaped, shorten
from nnaccel._validate import warn_caller
from nnaccel.training.atomic_file import require_writable, write_atomically

_KEY, _FORMAT = "nnaccel", 2


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
    """Raise an error unless a model can be saved to `path`: a new file, or one of a model.

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
    """Have every error while a file is read name the file; most become a CheckpointError."""
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


def warn_of_nan(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Warn of arrays of a model file that hold NaN or infinity."""
    bad = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if bad:
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        warn_caller(
            f"{path}: not all numbers are finite in {', '.join(map(escaped, bad[:3]))}{more}; "
            "what the model gives may be no numbers either"
        )
