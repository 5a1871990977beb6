"""Optimisers by name."""

from __future__ import annotations

from typing import Any

from nnaccel import _validate
from nnaccel.optim import schedules
from nnaccel.optim._base import Optimizer
from nnaccel.optim.adagrad import Adagrad
from nnaccel.optim.adam import Adam, AdamW
from nnaccel.optim.rmsprop import RMSprop
from nnaccel.optim.sgd import SGD

_CLASSES: dict[str, type[Optimizer]] = {
    kind.__name__.lower(): kind for kind in (SGD, Adagrad, RMSprop, Adam, AdamW)
}


def get(optimizer: str | Optimizer, **settings: Any) -> Optimizer:
    """Return an optimiser from its name and settings, or the object itself.

    Parameters
    ----------
    optimizer : str or Optimizer
        'sgd', 'adagrad', 'rmsprop', 'adam' or 'adamw', in any case.
    **settings
        For its constructor.

    Raises
    ------
    ValueError
        If the name is unknown; the message has the nearest match.

    Examples
    --------
    >>> get("sgd", learning_rate=0.5)
    SGD(learning_rate=0.5, momentum=0.0, nesterov=False)
    """
    if isinstance(optimizer, Optimizer):
        return optimizer
    if isinstance(optimizer, type):
        raise ValueError(
            f"{optimizer.__name__} is a class: write {optimizer.__name__}() with brackets"
        )
    kind = _CLASSES.get(str(optimizer).lower())
    if kind is None:
        raise ValueError(_validate.unknown_name("optimizer", optimizer, list(_CLASSES)))
    return kind(**settings)


def from_config(name: str, config: dict[str, Any]) -> Optimizer:
    """Return the optimiser that `name` and its `config()` describe."""
    rate = config["learning_rate"]
    rate = schedules.from_config(rate) if isinstance(rate, dict) else rate
    return get(name, **{**config, "learning_rate": rate})
