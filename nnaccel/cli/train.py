"""`nnaccel train`: from a data set to a trained network, with one command."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from nnaccel.cli import _network, _outputs
from nnaccel.cli._common import backend_option, choose_backend, debug_option, show_log

if TYPE_CHECKING:
    from nnaccel.cli._saved import Saved
    from nnaccel.data import Dataset
    from nnaccel.model import Sequential

#: Seconds that fetching MNIST may take if nobody asked for it by name.
_PATIENCE = 5.0
#: Sets of fewer rows get small batches, unless --batch-size says otherwise.
_MANY_ROWS = 10_000
#: Without --epochs, as many as it takes to make this number of steps, but within these bounds.
_STEPS, _FEWEST, _MOST = 2000, 10, 50

_EXAMPLES = """\b
Examples:
  nnaccel train mnist --hidden 512,128 --dropout 0.2 --save mnist.safetensors
  nnaccel train --resume mnist.safetensors --epochs 20
"""

_file = click.Path(dir_okay=False, path_type=Path)


@click.command(
    "train", epilog=_EXAMPLES, short_help="Train a network on MNIST, or on your own data."
)
@click.argument("data", required=False)
@_network.network_options
@click.option(
    "--epochs",
    type=click.IntRange(1),
    metavar="N",
    help="Passes over the data.  [default: 10; more for small sets]",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    metavar="N",
    help="Rows in a step.  [default: 128; 16 for small sets]",
)
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
    """
    from nnaccel.cli._saved import Note, Saved

    if resume is not None:
        _network.refuse_settled(ctx, [*_network.NAMES, "save"])
    plan = _network.Plan(**network)
    plan.check()
    _outputs.check(save, plot)
    if not quiet:
        show_log()
    choose_backend(backend)

    saved = Saved.read(resume) if resume else None
    note = saved.note if saved else {}
    source, dataset = _load(data or note.get("data"), note.get("classes", ()))
    batch_size = batch_size or note.get("batch_size") or _default_batch_size(dataset)
    epochs = epochs or note.get("epochs") or _default_epochs(dataset, batch_size)
    _require_epochs_left(saved, epochs, resume)
    model = saved.model if saved else plan.build(dataset)
    note = {"data": source, "classes": dataset.classes, "batch_size": batch_size, "epochs": epochs}

    if not quiet:
        click.echo(_describe(dataset, model))
    path = save or resume
    start = time.perf_counter()
    # A training that diverges says so in one line; NumPy's warnings on the way add nothing.
    with _outputs.told_if_interrupted(path), np.errstate(all="ignore"):
        history = model.fit(
            dataset.x,
            dataset.y,
            epochs=epochs,
            batch_size=batch_size,
            validation_data=(dataset.x_test, dataset.y_test),
            callbacks=[Note(note)],
            verbose=0 if quiet else 1,
            checkpoint=path,
            resume=resume is not None,
        )
    seconds = time.perf_counter() - start
    _conclude(model, dataset, history.history, seconds, path, plot)


def _load(source: str | None, classes: tuple[str, ...]) -> tuple[str, Dataset]:
    """Load what was asked for; else MNIST, else the digits, and say which."""
    from nnaccel.cli._saved import load_data
    from nnaccel.data import DataNotFoundError

    if source is not None:
        return source, load_data(source, tuple(classes))
    try:
        dataset = load_data("mnist", timeout=_PATIENCE)
    except DataNotFoundError:
        click.echo(
            "data: the digits of scikit-learn, since MNIST is not here and cannot be fetched "
            "(nnaccel train mnist says why)"
        )
        return "digits", load_data("digits")
    click.echo("data: MNIST, since no other was named")
    return "mnist", dataset


def _default_batch_size(data: Dataset) -> int:
    return 128 if len(data.x) >= _MANY_ROWS else 16


def _default_epochs(data: Dataset, batch_size: int) -> int:
    return min(max(_FEWEST, -(-_STEPS * batch_size // len(data.x))), _MOST)


def _require_epochs_left(saved: Saved | None, epochs: int, path: Path | None) -> None:
    """Refuse to resume a training that is over."""
    if saved is not None and epochs <= saved.epochs:
        raise click.UsageError(
            f"{path} has had {saved.epochs} epochs already: "
            f"give --epochs {saved.epochs + 1} or more to go on"
        )


def _describe(data: Dataset, model: Sequential) -> str:
    """Say in a line what is trained on what."""
    if not model.built:
        model.build(data.x.shape[1:])
    size = " × ".join(map(str, data.x.shape[1:]))
    rows = f"{len(data.x):,} rows of {size} to learn, {len(data.x_test):,} to test"
    return f"{data.name}: {rows}; {model.count_params:,} parameters on {model.backend.name}"


def _conclude(
    model: Sequential,
    data: Dataset,
    history: dict[str, list[float]],
    seconds: float,
    path: Path | None,
    plot: Path | None,
) -> None:
    """Test, print, draw."""
    from nnaccel.cli._outcome import Outcome

    outcome = Outcome.measure(model, data.x_test, data.y_test, data.classes)
    click.echo()
    outcome.print()
    click.echo(f"\ntrained in {seconds:.1f} s")
    if path is not None:
        click.echo(f"kept in {path}: nnaccel evaluate, predict and train --resume take it")
    if plot is not None:
        outcome.draw(history, plot)
        click.echo(f"drawn in {plot}")
