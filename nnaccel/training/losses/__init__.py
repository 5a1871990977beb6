"""Losses, by name or as objects with settings."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from typing import Any

from nnaccel import _foreign, _validate
from nnaccel.training.losses._base import FunctionLoss, KernelLoss, Loss

# `as`: public to type checkers, which do not evaluate `__all__`.
from nnaccel.training.losses.binary_crossentropy import BinaryCrossentropy as BinaryCrossentropy
from nnaccel.training.losses.categorical_crossentropy import (
    CategoricalCrossentropy as CategoricalCrossentropy,
)
from nnaccel.training.losses.cosine_similarity import CosineSimilarity as CosineSimilarity
from nnaccel.training.losses.focal import BinaryFocalCrossentropy as BinaryFocalCrossentropy
from nnaccel.training.losses.focal import (
    CategoricalFocalCrossentropy as CategoricalFocalCrossentropy,
)
from nnaccel.training.losses.hinge import Hinge as Hinge
from nnaccel.training.losses.hinge import SquaredHinge as SquaredHinge
from nnaccel.training.losses.huber import Huber as Huber
from nnaccel.training.losses.kl_divergence import KLDivergence as KLDivergence
from nnaccel.training.losses.log_cosh import LogCosh as LogCosh
from nnaccel.training.losses.mean_absolute_error import MeanAbsoluteError as MeanAbsoluteError
from nnaccel.training.losses.mean_squared_error import MeanSquaredError as MeanSquaredError
from nnaccel.training.losses.poisson import Poisson as Poisson

LOSSES: dict[str, type[Loss]] = {
    "mse": MeanSquaredError,
    "mean_squared_error": MeanSquaredError,
    "binary_crossentropy": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": CategoricalCrossentropy,
    "huber": Huber,
    "mae": MeanAbsoluteError,
    "mean_absolute_error": MeanAbsoluteError,
    "log_cosh": LogCosh,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "kl_divergence": KLDivergence,
    "poisson": Poisson,
    "cosine_similarity": CosineSimilarity,
    "focal": CategoricalFocalCrossentropy,
    "categorical_focal_crossentropy": CategoricalFocalCrossentropy,
    "binary_focal_crossentropy": BinaryFocalCrossentropy,
}

__all__ = [
    "LOSSES",
    "FunctionLoss",
    "KernelLoss",
    "Loss",
    "describe",
    "from_description",
    "get",
    *sorted({kind.__name__ for kind in LOSSES.values()}),
]

if not typing.TYPE_CHECKING:  # to a type checker any name would be there
    __getattr__ = _foreign.missing(__name__, __all__)


def get(loss: str | Loss | Callable[..., Any], **settings: Any) -> Loss:
    """Return a loss from its name and settings, the object itself, or a function as a loss.

    Parameters
    ----------
    loss : str, Loss or callable
        A key of `LOSSES`, such as 'mse'; an object such as ``Huber(2.0)``; or a function of
        (outputs, targets) that returns losses (N,) and each row's gradient, shaped like outputs.
    **settings
        Arguments of the constructor of a loss given by name.

    Raises
    ------
    ValueError
        If the name is unknown; the message has the nearest match.

    Examples
    --------
    >>> get("huber", delta=2.0)
    Huber(delta=2.0)
    """
    if isinstance(loss, Loss):
        return loss
    _validate.refuse_class(loss)
    if callable(loss):
        return FunctionLoss(loss)
    if not isinstance(loss, str) or loss not in LOSSES:
        raise ValueError(_validate.unknown_name("loss", loss, list(LOSSES)))
    return LOSSES[loss](**settings)


def describe(loss: Loss) -> str | dict[str, Any]:
    """Return name and settings of a loss as JSON values; the name alone without settings."""
    config = {} if isinstance(loss, FunctionLoss) else loss.config()
    return {"name": loss.name, "config": config} if config else loss.name


def from_description(described: str | dict[str, Any], custom: Mapping[str, Any]) -> Loss:
    """Return a loss from the result of `describe`; `custom` has the user's losses, by name."""
    name, config = (
        (described, {}) if isinstance(described, str) else (described["name"], described["config"])
    )
    own = custom.get(name)
    return get(own(**config) if isinstance(own, type) else own or name, **({} if own else config))
