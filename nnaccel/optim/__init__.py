"""Optimisers by name: one update over a model's flat parameter buffer, with Keras's defaults."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any

from nnaccel import _foreign, _validate
from nnaccel.optim import schedules
from nnaccel.optim._base import Clock, Optimizer

# `as`: public to type checkers, which do not evaluate `__all__`.
from nnaccel.optim.adagrad import Adagrad as Adagrad
from nnaccel.optim.adam import Adam as Adam
from nnaccel.optim.adam import AdamW as AdamW
from nnaccel.optim.lion import Lion as Lion
from nnaccel.optim.rmsprop import RMSprop as RMSprop
from nnaccel.optim.sgd import SGD as SGD

OPTIMIZERS: dict[str, type[Optimizer]] = {
    kind.__name__.lower(): kind for kind in (SGD, Adagrad, RMSprop, Adam, AdamW, Lion)
}

__all__ = [
    "OPTIMIZERS",
    "Clock",
    "Optimizer",
    "describe",
    "from_description",
    "get",
    "name_of",
    "schedules",
    *sorted(kind.__name__ for kind in OPTIMIZERS.values()),
]

if not typing.TYPE_CHECKING:  # to a type checker any name would be there
    __getattr__ = _foreign.missing(__name__, __all__)


def get(optimizer: str | Optimizer, **settings: Any) -> Optimizer:
    """Return an optimiser from its name and settings, or the object itself.

    Parameters
    ----------
    optimizer : str or Optimizer
        A key of `OPTIMIZERS`, such as 'sgd' or 'adam', in any case.
    **settings
        Arguments of its constructor.

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
    _validate.refuse_class(optimizer)
    kind = OPTIMIZERS.get(str(optimizer).lower())
    if kind is None:
        raise ValueError(_validate.unknown_name("optimizer", optimizer, list(OPTIMIZERS)))
    return kind(**settings)


def name_of(kind: type[Optimizer]) -> str:
    """Return the name of an optimiser class in files."""
    return kind.__name__.lower()


def describe(optimizer: Optimizer) -> dict[str, Any]:
    """Return name and settings of an optimiser, as JSON values."""
    return {"name": name_of(type(optimizer)), "config": optimizer.config()}


def from_description(
    described: Mapping[str, Any], custom: Mapping[str, Any] | None = None
) -> Optimizer:
    """Return an optimiser from the result of `describe`.

    Parameters
    ----------
    described : dict
    custom : dict of str to type, optional
        The user's optimiser classes, by name.
    """
    name, config = described["name"], described["config"]
    rate = config["learning_rate"]
    rate = schedules.from_config(rate) if isinstance(rate, dict) else rate
    settings = {**config, "learning_rate": rate}
    own = {key.lower(): kind for key, kind in (custom or {}).items() if isinstance(kind, type)}
    kind = own.get(name)
    return kind(**settings) if kind is not None else get(name, **settings)
