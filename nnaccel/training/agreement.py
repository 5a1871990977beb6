"""Whether all ranks train the same: what must not differ is compared before the first step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from nnaccel._text import shorten
from nnaccel.backends import to_numpy
from nnaccel.training.communicator import Communicator

_HINTS = {
    "seed": "give each the same, as in Sequential(layers, seed=0)",
    "data length": "give each all rows: it takes its share of every batch itself",
    "weights": "begin with the same model on each, or resume one checkpoint",
    "version": "install the same one everywhere",
}


def identity_of(model: Any, data: tuple[Any, ...], settings: Mapping[str, Any]) -> dict[str, str]:
    """Return what a training is, item by item, in words that are the same wherever it is.

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
    trained = hashlib.sha256(to_numpy(model.weights).tobytes())
    trained.update(to_numpy(model.states).tobytes())
    items = {
        "version": _version(),
        "seed": described["seed"],
        "dtype": described["dtype"],
        "architecture": [described["input_shape"], described["layers"]],
        "optimizer": optimizer,
        "loss or metrics": [described["loss"], described["metrics"]],
        "data length": [len(a) for a in data if hasattr(a, "shape")],
        "data type": [[str(a.dtype), a.shape[1:]] for a in data if hasattr(a, "shape")],
        **settings,
        "step or epoch count": [described["iterations"], described["epochs"]],
        "weights": trained.hexdigest()[:16],
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


def _version() -> str:
    try:
        return version("nnaccel")
    except PackageNotFoundError:  # a bare checkout
        return "unknown"
