"""The options that describe a network, and the network they describe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from nnaccel.cli import _images
from nnaccel.cli._common import Number
from nnaccel.optim import OPTIMIZERS
from nnaccel.training.losses import LOSSES
from nnaccel_kernels.activations import ACTIVATIONS

if TYPE_CHECKING:
    from nnaccel.data import Dataset
    from nnaccel.model.sequential import Sequential


def parse_units(ctx: click.Context, param: click.Parameter, texts: Any) -> tuple[int, ...]:
    """Units of the hidden layers in a row, from texts such as '100', '512,128' or 'none'."""
    units: list[int] = []
    for text in texts:
        parts = [] if text.strip().lower() == "none" else [part.strip() for part in text.split(",")]
        if not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
            raise click.BadParameter(f"{text!r} is not like 100 or 512,128 or none.", ctx, param)
        units += map(int, parts)
    return tuple(units)


hidden_option = click.option(
    "--hidden",
    callback=parse_units,
    multiple=True,
    metavar="N[,N…]",
    default=["100"],
    show_default=True,
    help="Units of each hidden layer, or none.",
)

_OPTIONS = (
    click.option("--model", type=click.Choice(["mlp", "cnn", "lenet"]), default="mlp",
                 show_default=True,
                 help="Fully connected layers, or a convolutional network for images."),
    hidden_option,
    click.option("--activation", metavar="NAME", default="relu", show_default=True,
                 help=f"Of the hidden layers: {', '.join(ACTIVATIONS[1:])}."),
    click.option("--dropout", type=Number(0, 1, max_open=True), metavar="P", default=0.0,
                 help="Share of hidden units dropped in training."),
    click.option("--l1", type=Number(0), metavar="X", default=0.0, help="L1 weight penalty."),
    click.option("--l2", type=Number(0), metavar="X", default=0.0, help="L2 weight penalty."),
    click.option("--loss", metavar="NAME",
                 help=f"One of {', '.join(LOSSES)}.  [default: by the labels]"),
    click.option("--optimizer", metavar="NAME", default="adam", show_default=True,
                 help=f"One of {', '.join(OPTIMIZERS)}."),
    click.option("--lr", type=Number(0, min_open=True), metavar="X",
                 help="Learning rate.  [default: the optimizer's]"),
    click.option("--schedule", type=click.Choice(["constant", "cosine"]), default="constant",
                 show_default=True,
                 help="Whether the learning rate falls to nothing by the last epoch."),
    click.option("--dtype", default="float32", show_default=True,
                 type=click.Choice(["float32", "float64", "mixed_float16", "mixed_bfloat16"]),
                 help="Precision; mixed ones compute in 16 bits where the backend can."),
    click.option("--seed", type=click.IntRange(0), metavar="N", default=0, show_default=True,
                 help="Same seed, same training."),
)  # fmt: skip


def network_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that `Plan` takes to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


#: What a checkpoint settles, so that it cannot be chosen again on resuming.
NAMES = (
    "model", "hidden", "activation", "dropout", "l1", "l2", "loss", "optimizer", "lr", "schedule",
    "dtype", "seed",
)  # fmt: skip


def refuse_hidden(ctx: click.Context, model: str) -> None:
    """Raise a UsageError if --hidden was given for a network that has its own layers."""
    if model != "mlp" and ctx.get_parameter_source("hidden") is ParameterSource.COMMANDLINE:
        raise click.UsageError(f"leave out --hidden: --model {model} has layers of its own")


@dataclass(frozen=True)
class Plan:
    """A network and how to train it, as asked for on the command line."""

    model: str
    hidden: tuple[int, ...]
    activation: str
    dropout: float
    l1: float
    l2: float
    loss: str | None
    optimizer: str
    lr: float | None
    schedule: str
    dtype: str
    seed: int

    def check(self) -> None:
        """Raise a ValueError for an unknown name, before any data are fetched."""
        from nnaccel.training import losses

        self._hidden_layers()
        self._optimizer(1)
        if self.loss is not None:
            losses.get(self.loss)

    def build(self, data: Dataset, steps: int) -> Sequential:
        """Make the compiled model for so many steps, its last layer fit for data and loss."""
        from nnaccel.layers import Dense
        from nnaccel.model.sequential import Sequential

        loss = self.loss or ("categorical_crossentropy" if data.classes else "mse")
        units = len(data.classes) or 1
        kind = LOSSES[loss]
        if not data.classes and kind.takes in ("classes", "probabilities"):
            raise ValueError(f"{data.name} holds values to predict, not classes: use --loss mse")
        last = kind.last_activation or ("sigmoid" if data.classes else "linear")
        layers = [*self._hidden_layers(data), Dense(units, last, penalty=self._penalty())]
        model = Sequential(layers, seed=self.seed, dtype=self.dtype)
        metrics = ["accuracy"] if data.classes else []
        model.compile(loss=loss, optimizer=self._optimizer(steps), metrics=metrics)
        return model

    def _hidden_layers(self, data: Dataset | None = None) -> list[Any]:
        """All layers but the last; for the data, if they are there already."""
        from nnaccel.layers import Dense, Dropout
        from nnaccel.model.architectures import convolutional

        if self.model != "mlp":
            size = (28, 28) if data is None else _images.size(data, self.model)
            return convolutional(
                self.model,
                size,
                activation=self.activation,
                dropout=self.dropout,
                penalty=self._penalty(),
            )
        layers: list[Any] = []
        for units in self.hidden:
            layers.append(Dense(units, self.activation, penalty=self._penalty()))
            if self.dropout:
                layers.append(Dropout(self.dropout))
        return layers

    def _penalty(self) -> Any:
        from nnaccel.layers.penalties import L1L2

        return L1L2(self.l1, self.l2)

    def _optimizer(self, steps: int) -> Any:
        from nnaccel import optim
        from nnaccel.optim.schedules import CosineDecay

        settings: dict[str, Any] = {} if self.lr is None else {"learning_rate": self.lr}
        optimizer = optim.get(self.optimizer, **settings)
        if self.schedule == "constant":
            return optimizer
        peak = float(optimizer.rates(0, 1)[0])
        return optim.get(self.optimizer, learning_rate=CosineDecay(peak, steps))
