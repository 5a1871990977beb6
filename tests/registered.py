"""What a model can be compiled with, from the registries: what is registered is tested."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from nnaccel import losses, optim
from nnaccel.optim.schedules import CosineDecay

#: Classes of losses by their names, and without second ones.
LOSSES = {kind.name: kind for kind in losses.LOSSES.values()}

#: Settings of optimisers that take another way through their code, or that learn faster.
_SETTINGS: dict[str, list[dict[str, Any]]] = {
    "sgd": [
        {"learning_rate": 0.1},
        {"learning_rate": 0.02, "momentum": 0.9},
        {"learning_rate": 0.02, "momentum": 0.9, "nesterov": True, "clipvalue": 0.1},
    ],
    "adagrad": [{"learning_rate": 0.01, "global_clipnorm": 1.0}],
    "rmsprop": [{"clipnorm": 1.0}, {"learning_rate": 0.0005, "momentum": 0.8}],
    "adam": [{"learning_rate": CosineDecay(0.002, decay_steps=60)}],
    "adamw": [{"learning_rate": 0.002}],
}


def _optimizers() -> dict[str, Callable[[], optim.Optimizer]]:
    found: dict[str, Callable[[], optim.Optimizer]] = {}
    for name, kind in optim.OPTIMIZERS.items():
        for settings in _SETTINGS.get(name, [{}]):
            chosen = [setting for setting in settings if setting != "learning_rate"]
            found["-".join([name, *chosen])] = partial(kind, **settings)
    return found


#: Functions that make an optimiser, every one of them at least once.
OPTIMIZERS = _optimizers()


def ending(loss: str) -> str:
    """The activation that belongs before a loss."""
    return LOSSES[loss].last_activation or "linear"
