"""`nnaccel evaluate`: how well a saved model does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from nnaccel.cli import _images, _outputs, _table
from nnaccel.cli._common import (
    backend_option,
    choose_backend,
    debug_option,
    decimal_option,
    echo,
    header_option,
    json_option,
    print_json,
)

if TYPE_CHECKING:
    from nnaccel.data import Dataset


@click.command("evaluate", short_help="Test a saved model on a data set.")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data")
@click.option(
    "--rows",
    type=click.Choice(["test", "train", "all"]),
    default="test",
    show_default=True,
    help="Which rows of DATA.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PNG",
    help="Draw the confusion matrix and the mistakes.",
)
@header_option
@decimal_option
@backend_option
@json_option
@debug_option
def evaluate_command(
    model: Path,
    data: str,
    rows: str,
    plot: Path | None,
    header: bool | None,
    decimal: str | None,
    backend: str | None,
    as_json: bool,
) -> None:
    """Test MODEL, a file that `train --save` wrote, on DATA, as `train` takes it.

    Of a file that is not split, the test rows are the fifth that `train` sets aside. The columns
    of a .csv are taken by the names they had in training, in whatever order they are, and brought
    to the same scale; a column that is not there is an error.
    """  # fmt: skip
    from nnaccel.cli._outcome import Outcome
    from nnaccel.cli._saved import Saved

    _outputs.check(None, plot)
    choose_backend(backend)
    saved = Saved.read(model)
    saved.require_compiled()
    dataset = _images.fitted(saved.load(data, header, decimal), saved.model.input_shape)
    classes = saved.names(dataset.classes) if dataset.classes else ()
    outcome = Outcome.measure(saved.model, *_select(dataset, rows), classes, saved.scaling)
    if plot is not None and not dataset.classes:
        raise click.UsageError(f"--plot draws classes, but {data} has numbers to predict")
    if plot is not None:
        outcome.draw({}, plot)
    if as_json:
        print_json({"model": str(model), "data": data, **outcome.as_json()})
    else:
        _table.print_notes(dataset)
        outcome.print()
        if plot is not None:
            echo(f"\ndrawn in {plot}")


def _select(data: Dataset, rows: str) -> tuple[Any, Any]:
    """Inputs and targets of the rows asked for."""
    train, test = data
    if rows == "all":
        return np.concatenate([train[0], test[0]]), np.concatenate([train[1], test[1]])
    return test if rows == "test" else train
