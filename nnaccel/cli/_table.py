"""How `nnaccel train` is to read a table: the options, and what was guessed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnaccel.cli._common import (
    decimal_option,
    drop_option,
    echo,
    header_option,
    keep_index_option,
    refuse,
    text_option,
)

if TYPE_CHECKING:
    from nnaccel.data import Dataset

_OPTIONS = (
    click.option("--label", metavar="COLUMN",
                 help="Column of a .csv to predict; without a header its number.  [default: label, "
                 "target, y or class, else the last]"),
    click.option("--task", type=click.Choice(["classify", "regress"]),
                 help="Predict classes, or numbers.  [default: numbers if they are more than 20 "
                 "different ones or not whole, else classes]"),
    header_option,
    decimal_option,
    drop_option,
    text_option,
    keep_index_option,
    click.option("--standardize/--no-standardize", default=True,
                 help="Bring the columns of a table to mean 0 and standard deviation 1.  "
                 "[default: standardize]"),
)  # fmt: skip

#: What is for .csv files only, and all that a model's file settles.
_CSV = ("label", "header", "decimal", "drop", "text", "keep_index")
NAMES = (*_CSV, "task", "standardize")


def table_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def refuse_without_table(ctx: click.Context, source: str | None) -> None:
    """Raise a UsageError if an option was given that the data set has no use for."""
    suffix = Path(source or "").suffix.lower()
    if suffix != ".csv":
        what = "they are for .csv files" if suffix == ".npz" else "they are for files"
        refuse(ctx, _CSV if suffix == ".npz" else (*_CSV, "task"), what)


def print_notes(data: Dataset) -> None:
    """Print what was guessed or left out in reading a file."""
    for note in data.notes:
        echo(f"{data.name}: {note}")
