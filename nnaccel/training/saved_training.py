"""What a file holds of a training besides the model: where it has got to, and its callbacks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from nnaccel._text import shorten
from nnaccel.training import checkpoint

_PREFIX = "callbacks/"  # of the keys of their arrays


def read_training(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return where the training in a file's description has got to, and its callbacks' states.

    A model saved without a training can go on with one after its epochs.

    Raises
    ------
    CheckpointError
        For values of other types.
    """
    fresh = {"next_epoch": described["epochs"], "stop": False, "callbacks": {}}
    kept = described.get("training", fresh)
    if not isinstance(kept, dict):
        raise checkpoint.CheckpointError(f"training={shorten(repr(kept))} must be an object")
    training = {"setting": {}, **kept}
    checkpoint.read_count(training, "next_epoch")
    states = training["callbacks"]
    if not isinstance(states, dict) or not all(isinstance(s, dict) for s in states.values()):
        raise checkpoint.CheckpointError(
            f"callbacks={shorten(repr(states))} must hold an object for each"
        )
    if not isinstance(training["setting"], dict) or not isinstance(training["stop"], bool):
        raise checkpoint.CheckpointError("setting must be an object, and stop true or false")
    return training


def identity(described: Mapping[str, Any]) -> dict[str, str]:
    """The settings that a resumed training must share; callbacks may change the learning rate."""
    keys = ("input_shape", "dtype", "layers", "loss", "metrics")
    kept = {key: described.get(key) for key in keys}
    optimizer = described.get("optimizer") or {"name": None, "config": {}}
    config = {**optimizer["config"], "learning_rate": None}
    kept["optimizer"] = {"name": optimizer["name"], "config": config}
    return {key: json.dumps(value, sort_keys=True) for key, value in kept.items()}


def split_arrays(states: dict[str, dict[str, Any]]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Split the callbacks' states into JSON values, and arrays by their key in the file."""
    plain: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    for owner, state in states.items():
        plain[owner] = {}
        for key, value in state.items():
            if isinstance(value, dict) and any(isinstance(v, np.ndarray) for v in value.values()):
                arrays |= {f"{_PREFIX}{owner}/{key}/{name}": a for name, a in value.items()}
            else:
                plain[owner][key] = value
    return plain, arrays


def join_arrays(plain: dict[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """Return the callbacks' states from the result of `split_arrays`."""
    states = {owner: dict(state) for owner, state in plain.items()}
    for key, array in arrays.items():
        if key.startswith(_PREFIX):
            owner, name, item = key[len(_PREFIX) :].split("/", 2)
            states.setdefault(owner, {}).setdefault(name, {})[item] = array
    return states
