"""`nnaccel train`: from a data set to a trained network, with one command."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from nnaccel.cli import _network
from nnaccel.cli._common import backend_option, choose_backend, debug_option, show_log
from nnaccel.cli._saved import Note, Saved, load_data

if TYPE_CHECKING:
    from nnaccel.data import Dataset

#: Seconds that fetching MNIST may take if nobody asked for it by name.
_PATIENCE = 5.0
#: Sets of fewer rows get small batches, unless --batch-size says otherwise.
_MANY_ROWS = 10_000
#: Without --epochs, as many as it takes to make this number of steps, but within these bounds.
_STEPS, _FEWEST, _MOST = 2000, 5, 50

_file = click.Path(dir_okay=False, path_type=Path)


@click.command("train")
@click.argument("data", required=False)
@_network.network_options
@click.option("--epochs", type=click.IntRange(1), metavar="N",
              help="Passes over the data.  [default: 5; more for small sets]")
@click.option("--batch-size", type=click.IntRange(1), metavar="N",
              help="Rows in a step.  [default: 128; 16 for small sets]")
@backend_option
@click.option("--save", type=_file, metavar="PATH", help="Keep the model here after every epoch.")
@click.option("--resume", type=_file, metavar="PATH", help="Go on with what --save kept.")
@click.option("--plot", type=_file, metavar="PNG", help="Draw the curves and the mistakes.")
@click.option("--quiet", is_flag=True, help="Print the result only.")
@debug_option
@click.pass_context
def train_command(
    ctx: click.Context,
    data: str | None,
    epochs: int | None,
    batch_size: int | None,
    backend: str | None,
    save: Path | None,
    resume: Path | None,
    plot: Path | None,
    quiet: bool,
    **network: Any,
) -> None:
    """Train a network on DATA: mnist, digits, iris, or the path of an .npz or .csv file.

    Without DATA it is MNIST, if that is here or can be fetched within seconds, else the digits
    that come with scikit-learn.

    \b
    nnaccel train mnist --hidden 512,128 --dropout 0.2 --epochs 10 --save mnist.safetensors
    nnaccel train --resume mnist.safetensors --epochs 20
    """  # fmt: skip
    if resume is not None:
        _refuse_settled(ctx)
    plan = _network.Plan(**network)
    plan.check()
    for path in filter(None, (save, plot)):
        _check_writable(path)
    if plot is not None:
        _check_plot(plot)
    if not quiet:
        show_log()
    choose_backend(backend)
    saved = Saved.read(resume) if resume is not None else None
    note = dict(saved.note) if saved else {}
    dataset = _load(data or note.get("data"), tuple(note.get("classes", ())), quiet)
    rows = len(dataset.x)
    batch_size = batch_size or note.get("batch_size") or (128 if rows >= _MANY_ROWS else 16)
    epochs = epochs or note.get("epochs") or _default_epochs(rows, batch_size)
    if saved and epochs <= saved.epochs:
        raise click.UsageError(
            f"{resume} has had its {saved.epochs} epochs: give --epochs {saved.epochs + 1} "
            "or more to go on", ctx
        )  # fmt: skip
    note = {"data": _source(data) or note.get("data") or dataset.name, "classes": dataset.classes,
            "batch_size": batch_size, "epochs": epochs}  # fmt: skip
    model = saved.model if saved else plan.build(dataset)
    ...
