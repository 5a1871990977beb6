"""What a model is compiled with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from nnaccel import optim
from nnaccel.optim import Optimizer
from nnaccel.training import losses
from nnaccel.training import metrics as counting
from nnaccel.training.checkpoint import CheckpointError
from nnaccel.training.losses import Loss
from nnaccel.training.metrics import Metric


class Compiled(NamedTuple):
    """Loss, optimiser and metrics of a compiled model."""

    loss: Loss
    optimizer: Optimizer
    metrics: list[Metric]

    def describe(self) -> dict[str, Any]:
        """Return names and settings, as JSON values."""
        return {
            "loss": losses.describe(self.loss),
            "optimizer": optim.describe(self.optimizer),
            "metrics": [counting.describe(metric) for metric in self.metrics],
        }

    @classmethod
    def from_description(cls, described: Mapping[str, Any], custom: Mapping[str, Any]) -> Compiled:
        """Return loss, optimiser and metrics from the result of `describe`.

        Parameters
        ----------
        described : mapping
        custom : mapping of str to object
            The user's own, by name.

        Raises
        ------
        CheckpointError
            If one is unknown.
        """
        try:
            return cls(
                losses.from_description(described["loss"], custom),
                optim.from_description(described["optimizer"], custom),
                counting.get_all(described["metrics"], custom),
            )
        except ValueError as error:
            raise CheckpointError(
                f"{error} To fix: pass your own in custom_objects, or load with compile=False"
            ) from None

    def by_name(self) -> dict[str, Any]:
        """Return them by the names that they have in descriptions."""
        kind = type(self.optimizer)
        metrics = {metric.name: metric for metric in self.metrics}
        return {optim.name_of(kind): kind, self.loss.name: self.loss, **metrics}
