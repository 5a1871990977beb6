"""Whether all ranks train the same.

What must not differ is compared before the first step, and the batches of streams one by one.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from nnaccel._text import shorten
from nnaccel.backends import Array, to_numpy
from nnaccel.layers._several import Several
from nnaccel.training.communicator import Communicator

#: Checked inputs, targets and weights.
Batch = tuple[Array, np.ndarray, np.ndarray | None]

_LOOKED_AT = 64  # rows of inputs and targets: each is a read of a memory-mapped file
_NO_ROWS = -1

_HINTS = {
    "seed": "give each the same, as in Sequential(layers, seed=0)",
    "data length": "give each all rows: it takes its share of every batch itself",
    "data": "give each the same rows in the same order, as by one random_state of a split",
    "validation data length": "give each all rows: it takes its share of every batch itself",
    "weights": "begin with the same model on each, or resume one checkpoint",
    "version": "install the same one everywhere",
}


def identity_of(model: Any, data: tuple[Any, ...], settings: Mapping[str, Any]) -> dict[str, str]:
    """Return what makes up a training, item by item, as text that is the same on all ranks.

    Parameters
    ----------
    model : CompiledNetwork
        Built and compiled.
    data : tuple of array, or of an iterable and None
        Inputs, targets and weights.
    settings : mapping
        Of the call of `fit`.
    """
    described = model.state()[1]
    optimizer = described.pop("optimizer")
    items = {
        "version": _version(),
        "seed": described["seed"],
        "dtype": described["dtype"],
        "architecture": [described["input_shape"], described["layers"]],
        "optimizer": optimizer,
        "loss or metrics": [described["loss"], described["metrics"]],
        "data length": [len(a) for a in data if _is_array(a)],
        "data type": [[str(a.dtype), a.shape[1:]] for a in data if _is_array(a)],
        "data": [_digest(a[:: -(-len(a) // _LOOKED_AT) or 1]) for a in data[:2] if _is_array(a)],
        **settings,
        "sample weight": _digest(data[2]) if _is_array(data[2]) else None,
        "step or epoch count": [described["iterations"], described["epochs"]],
        "weights": [_digest(model.weights), _digest(model.states)],
    }
    return {name: json.dumps(value, sort_keys=True, default=str) for name, value in items.items()}


def require_same(comm: Communicator, identity: Mapping[str, str]) -> None:
    """Compare the digest of each item over the ranks.

    Raises
    ------
    ValueError
        On all ranks, if one differs from rank 0; the message names the first item.
    """
    own = [
        np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8)
        for text in identity.values()
    ]
    every = comm.gather(np.stack(own)[None])
    for number, (name, text) in enumerate(identity.items()):
        differs = (every[:, number] != every[0, number]).any(axis=1)
        if differs.any():
            hint = _HINTS.get(name, "give each the same")
            ranks = ", ".join(map(str, np.flatnonzero(differs)[:8]))
            raise ValueError(
                f"the ranks do not train alike: another {name} on rank {ranks} than on rank 0; on "
                f"rank {comm.rank} it is {shorten(text)}. To fix: {hint}"
            )


def in_step(comm: Communicator, batches: Iterable[Batch]) -> Iterator[Batch]:
    """Yield the batches of an epoch of a stream, while all ranks have as many rows in each.

    Raises
    ------
    ValueError
        On all ranks, where one has a batch of other rows than rank 0, or none; those before it
        were trained on.
    """
    if comm.size == 1:
        yield from batches
        return
    iterator = iter(batches)
    for number in itertools.count(1):
        batch = next(iterator, None)
        rows = _NO_ROWS if batch is None else len(batch[0])
        every = comm.gather(np.array([rows]))
        differs = np.flatnonzero(every != every[0])
        if differs.size:
            first, other = (_of_rows(int(n)) for n in every[[0, differs[0]]])
            raise ValueError(
                f"the ranks do not train alike: batch {number} of this epoch {first} on rank 0, "
                f"and {other} on rank {differs[0]}. To fix: give each the same batches; it takes "
                "its share of each of them itself"
            )
        if batch is None:
            return
        yield batch


def _of_rows(rows: int) -> str:
    return "is past the end of the stream" if rows == _NO_ROWS else f"has {rows} rows"


def _is_array(a: Any) -> bool:
    """Whether a part of a training's data is an array; not a stream, or None."""
    return hasattr(a, "shape")


def _digest(a: Any) -> str:
    if isinstance(a, Several):
        return "".join(map(_digest, a))
    return hashlib.sha256(np.ascontiguousarray(to_numpy(a)).tobytes()).hexdigest()[:16]


def _version() -> str:
    try:
        return version("nnaccel")
    except PackageNotFoundError:  # a bare checkout
        return "unknown"
