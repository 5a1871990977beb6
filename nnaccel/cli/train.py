"""`nnaccel train`: from a data set to a trained network, with one command."""

from __future__ import annotations

import contextlib
import io
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from nnaccel import _config
from nnaccel.cli import _images, _network, _outputs, _table
from nnaccel.cli._common import (
    backend_option,
    choose_backend,
    debug_option,
    echo,
    refuse,
    shown_log,
    shown_warnings,
)
from nnaccel.training.communicator import Alone, Communicator

if TYPE_CHECKING:
    from nnaccel.cli._saved import Saved
    from nnaccel.data import Dataset
    from nnaccel.model.sequential import Sequential

#: Seconds that fetching MNIST may take if nobody asked for it by name.
_PATIENCE = 5.0
#: Sets of fewer rows get small batches, unless --batch-size says otherwise.
_MANY_ROWS = 10_000
#: Without --epochs, as many as it takes to make so many steps, but within these bounds.
_STEPS = {"mlp": 2000, "cnn": 1000, "lenet": 1000}
_FEWEST = {"mlp": 10, "cnn": 3, "lenet": 3}
_MOST = 50

_EXAMPLES = """\b
Examples:
  nnaccel train mnist --hidden 512,128 --dropout 0.2 --save mnist.safetensors
  nnaccel train mnist --model cnn --dropout 0.4 --epochs 12
  nnaccel train people.csv --label income --task regress --drop name
  nnaccel train --resume mnist.safetensors --epochs 20
  mpiexec -n 4 nnaccel train mnist --distributed
"""

_file = click.Path(dir_okay=False, path_type=Path)


@click.command(
    "train", epilog=_EXAMPLES, short_help="Train a network on MNIST, or on your own data."
)
@click.argument("data", required=False)
@_table.table_options
@_network.network_options
@click.option(
    "--epochs",
    type=click.IntRange(1),
    metavar="N",
    help="Passes over the data.  [default: 10, or 3 of a CNN; more for small sets]",
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
@click.option("--explain", is_flag=True, help="Print what each layer will run, and why.")
@click.option("--quiet", is_flag=True, help="Print the result only.")
@click.option(
    "--distributed",
    is_flag=True,
    help="Train with the other processes that mpiexec or srun started.",
)
@debug_option
def train_command(
    data: str | None,
    epochs: int | None,
    batch_size: int | None,
    backend: str | None,
    save: Path | None,
    resume: Path | None,
    plot: Path | None,
    explain: bool,
    quiet: bool,
    distributed: bool,
    **options: Any,
) -> None:
    """Train a network on DATA: mnist, fashion_mnist, kmnist, digits, iris, or an .npz or .csv file.

    Without DATA it is MNIST, if that is here or can be fetched within seconds, else the digits
    that come with scikit-learn.

    An .npz holds x and y, or x_train, y_train, x_test and y_test. A .csv is a table: its label is
    guessed, and whether it is one of classes or numbers, text becomes a column of 0 and 1 for each
    of its levels but the first, and rows with missing cells and the column of an index are left
    out. What was guessed or left out is printed, with the option that says otherwise. The columns,
    their levels and their scale are kept with the model, for evaluate and predict.
    """
    from nnaccel.cli._saved import Saved
    from nnaccel.distributed import init

    ctx = click.get_current_context()
    if resume is not None:
        settled = [*_network.NAMES, *_table.NAMES, "save"]
        refuse(ctx, settled, "--resume goes on with what the file holds")
    else:
        _table.refuse_without_table(ctx, data)
    plan = _network.Plan(**{name: options[name] for name in _network.NAMES})
    table = {name: options[name] for name in _table.NAMES}
    _network.refuse_hidden(ctx, plan.model)
    plan.check()
    _outputs.check(save, plot)
    launcher = _config.launcher()
    if launcher is not None and launcher.size > 1 and not distributed and not launcher.rank:
        click.echo(
            f"each of {launcher.size} processes trains by itself: see --distributed", err=True
        )
    if distributed and launcher is not None and launcher.rank:  # the first one speaks for all
        ctx.with_resource(contextlib.redirect_stdout(io.StringIO()))
    ctx.with_resource(shown_log(quiet))
    comm = init() if distributed else Alone()
    choose_backend(backend)
    if resume is not None:
        task = _resumed(Saved.read(resume), resume, data, epochs, batch_size)
    else:
        task = _begun(plan, save, _load(data, table), epochs, batch_size)
    task.build()
    if not quiet:
        _table.print_notes(task.data)
        echo(task.describe())
    if explain:
        from nnaccel.model.explain import explain as explain_model

        echo(f"\n{explain_model(task.model, task.batch_size)}\n")
    start = time.perf_counter()
    history = task.fit(comm, verbose=0 if quiet else 1)
    if comm.rank == 0:
        task.conclude(history, time.perf_counter() - start, plot)


@dataclass(frozen=True)
class Task:
    """A model, what it is trained on and for how long, and where that is kept."""

    model: Sequential
    source: str
    data: Dataset
    epochs: int
    batch_size: int
    path: Path | None
    resume: bool

    def build(self) -> None:
        """Settle the shapes of the model by the data; the model of a file has its own."""
        if not self.model.built:
            self.model.build(self.data.x.shape[1:])

    def describe(self) -> str:
        """Say in a line what is trained on what."""
        data, model = self.data, self.model
        size = " × ".join(map(str, data.x.shape[1:]))
        rows = f"{len(data.x):,} rows of {size} to learn, {len(data.x_test):,} to test"
        return f"{data.name}: {rows}; {model.count_params:,} parameters on {model.backend.name}"

    def fit(self, comm: Communicator, verbose: int) -> dict[str, list[float]]:
        """Train, and return the history."""
        from nnaccel.cli._saved import Note

        schema, scaling = self.data.schema, self.data.scaling
        note = Note(
            {
                "data": self.source,
                "classes": self.data.classes,
                "schema": schema and schema.as_dict(),
                "scaling": scaling and scaling.as_dict(),
                "epochs": self.epochs,
                "batch_size": self.batch_size,
            }
        )
        # A training that diverges says so in one line; NumPy's warnings on the way add nothing.
        told = _outputs.told_if_interrupted(self.path, comm.rank)
        with shown_warnings(), told, np.errstate(all="ignore"):
            history = self.model.fit(
                self.data.x,
                self.data.y,
                epochs=self.epochs,
                batch_size=self.batch_size,
                validation_data=(self.data.x_test, self.data.y_test),
                callbacks=[note],
                verbose=verbose,
                checkpoint=self.path,
                resume=self.resume,
                distributed=comm,
            )
        return history.history

    def conclude(self, history: dict[str, list[float]], seconds: float, plot: Path | None) -> None:
        """Test, print, draw."""
        from nnaccel.cli._outcome import Outcome

        data = self.data
        test = data.x_test, data.y_test
        outcome = Outcome.measure(self.model, *test, data.classes, data.scaling)
        echo()
        outcome.print()
        echo(f"\ntrained in {seconds:.1f} s")
        if self.path is not None:
            echo(f"kept in {self.path}: for nnaccel evaluate, predict and train --resume")
        if plot is not None:
            outcome.draw(history, plot)
            echo(f"drawn in {plot}")


def _begun(
    plan: _network.Plan,
    save: Path | None,
    loaded: tuple[str, Dataset],
    epochs: int | None,
    batch_size: int | None,
) -> Task:
    """Prepare a training from the start, on data that have a name."""
    source, data = loaded
    if plan.model != "mlp":
        data = _images.channels_first(data)
    batch_size = batch_size or (128 if len(data.x) >= _MANY_ROWS else 16)
    steps = -(-len(data.x) // batch_size)
    epochs = epochs or min(max(_FEWEST[plan.model], -(-_STEPS[plan.model] // steps)), _MOST)
    model = plan.build(data, steps * epochs)
    return Task(model, source, data, epochs, batch_size, save, resume=False)


def _resumed(
    saved: Saved, path: Path, source: str | None, epochs: int | None, batch_size: int | None
) -> Task:
    """Prepare to go on with a training; what is not said anew is as noted in its file."""
    saved.require_compiled()
    note = saved.note
    epochs = epochs or note.get("epochs", _FEWEST["mlp"])
    if epochs <= saved.epochs:
        had = f"{saved.epochs} epoch{'s' * (saved.epochs != 1)}"
        raise click.UsageError(
            f"{path} has had {had} already: give --epochs {saved.epochs + 1} or more to go on"
        )
    named = source or note.get("data")
    source, data = (named, saved.load(named)) if named else _load(None, {})
    data = _images.fitted(data, saved.model.input_shape)
    batch_size = batch_size or note.get("batch_size", 128)
    return Task(saved.model, source, data, epochs, batch_size, path, resume=True)


def _load(source: str | None, table: dict[str, Any]) -> tuple[str, Dataset]:
    """Load what was asked for; else MNIST, else the digits, and say which."""
    from nnaccel.data import DataNotFoundError, load_named

    if source is not None:
        with shown_warnings():
            return source, load_named(source, **table)
    try:
        dataset = load_named("mnist", timeout=_PATIENCE)
    except DataNotFoundError:
        echo(
            "data: the digits of scikit-learn, since MNIST is not here and cannot be fetched "
            "(nnaccel train mnist says why)"
        )
        return "digits", load_named("digits")
    echo("data: MNIST, since no other was named")
    return "mnist", dataset
