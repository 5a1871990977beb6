"""How `fit` trains, whatever it trains on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nnaccel._validate import whole_number
from nnaccel.training.augment import Augment, check_augment


@dataclass
class FitSettings:
    """Arguments of `fit`, as its docstring has them, checked.

    Raises
    ------
    TypeError, ValueError
        If one is of another kind.
    """

    epochs: int
    batch_size: int
    initial_epoch: int
    steps_per_epoch: int | None
    prefetch: int
    class_weight: Any
    shuffle: bool
    augment: Augment | None
    is_stream: bool

    def __post_init__(self) -> None:
        self.epochs = whole_number("epochs", self.epochs)
        self.batch_size = whole_number("batch_size", self.batch_size)
        self.initial_epoch = whole_number("initial_epoch", self.initial_epoch, least=0)
        if self.steps_per_epoch is not None:
            if not self.is_stream:
                raise ValueError(
                    "steps_per_epoch is for an iterable of batches: an epoch over arrays takes "
                    "every row once. To fix: leave it out, or give fewer rows"
                )
            self.steps_per_epoch = whole_number("steps_per_epoch", self.steps_per_epoch)
        self.prefetch = whole_number("prefetch", self.prefetch, least=0)
        self.shuffle = bool(self.shuffle)
        check_augment(self.augment)

    @property
    def of_batches(self) -> dict[str, Any]:
        """Which rows batches have, how they are changed and weighed, as plain values."""
        return {
            "shuffle": self.shuffle,
            "augment": repr(self.augment),
            "class_weight": repr(self.class_weight),
        }

    @property
    def plain(self) -> dict[str, Any]:
        """All that a training depends on, as plain values."""
        return {
            "epochs": [self.initial_epoch, self.epochs],
            "batch_size": self.batch_size,
            "steps_per_epoch": self.steps_per_epoch,
            **self.of_batches,
        }
