"""A saved model, with what this command line noted in its file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnaccel._text import shorten
from nnaccel.cli._common import shown_warnings
from nnaccel.training.callbacks import Callback

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nnaccel.data import Dataset, Scaling, Schema
    from nnaccel.model.sequential import Sequential


class Note(Callback):
    """Puts into a checkpoint what resuming needs and the model does not know.

    Parameters
    ----------
    content : dict
        'data', 'classes', 'batch_size' and 'epochs'; 'schema' and 'scaling' of a table.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    def state(self) -> dict[str, Any]:
        """Return the note."""
        return self.content


@dataclass(frozen=True)
class Saved:
    """A model from a file, how many epochs it has had, and the note, which may be empty.

    `schema` and `scaling` are those of the table it was trained on, if it was one.
    """

    path: Path
    model: Sequential
    epochs: int
    note: Mapping[str, Any]
    schema: Schema | None
    scaling: Scaling | None

    @classmethod
    def read(cls, path: Path) -> Saved:
        """Read a file that `--save`, `Sequential.save` or `export` wrote."""
        from nnaccel.data import Scaling, Schema
        from nnaccel.model.loading import load
        from nnaccel.training import checkpoint
        from nnaccel.training.saved_training import read_training

        with shown_warnings():
            model = load(path)
        model.require_one_input("the command line")
        if path.suffix.lower() == ".onnx":
            return cls(path, model, 0, {}, None, None)
        described = checkpoint.read(path)[1]
        with checkpoint.reading(path):
            training = read_training(described)
            note = training["callbacks"].get(Note.__name__, {})
            schema, scaling = note.get("schema"), note.get("scaling")
            schema = None if schema is None else Schema.from_dict(schema)
            scaling = None if scaling is None else Scaling.from_dict(scaling)
            _check(note, schema, scaling, model)
        return cls(path, model, training["next_epoch"], note, schema, scaling)

    def require_compiled(self) -> None:
        """Raise a UsageError for a model without a loss, which cannot be tested or trained."""
        if self.path.suffix.lower() == ".onnx":
            raise click.UsageError(
                f"{self.path}: ONNX files have no loss: take what train --save wrote"
            )
        self.require_rows()
        if self.model.loss is None:
            raise click.UsageError(
                f"{self.path} has no loss and no optimizer: call compile before save"
            )

    def require_rows(self) -> None:
        """Raise a UsageError for a model that gives images, which nothing here reads or shows."""
        if len(self.model.output_shape) > 1:
            raise click.UsageError(
                f"{self.path} gives images: train, evaluate and predict with it in Python"
            )

    def names(self, classes: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Name each output: as noted, else as in `classes`, else by number."""
        known = tuple(self.note.get("classes", classes))
        units = self.model.output_shape[-1]
        return (*known, *map(str, range(len(known), units)))[:units]

    def shares(self, x: NDArray[Any]) -> NDArray[Any]:
        """Share of each class in each row: the outputs, or their softmax if the model has none."""
        from nnaccel import ops

        outputs = self.model.predict(x)
        return ops.softmax(outputs) if self.model.ending.activation == "linear" else outputs

    def load(self, source: str, header: bool | None = None, decimal: str | None = None) -> Dataset:
        """Load rows as the model was trained on them: columns by name, classes and scale alike."""
        from nnaccel.data import load_named

        options: dict[str, Any] = {}
        if Path(source).suffix.lower() in (".npz", ".csv"):
            options = {"header": header, "decimal": decimal, "schema": self.schema}
            classes = self.note.get("classes")
            if classes is not None:
                options |= {"classes": classes} if classes else {"task": "regress"}
        with shown_warnings():
            return load_named(source, scaling=self.scaling, **options)


def _check(
    note: Mapping[str, Any], schema: Schema | None, scaling: Scaling | None, model: Sequential
) -> None:
    """Raise a ValueError for what no `Note` of this model holds."""
    for name, is_right, wanted in (
        ("data", lambda value: type(value) is str, "a string"),
        ("epochs", _is_count, "a whole number of at least 1"),
        ("batch_size", _is_count, "a whole number of at least 1"),
        ("classes", _are_names, "a list of different strings"),
    ):
        if name in note and not is_right(note[name]):
            raise ValueError(f"{name}={shorten(repr(note[name]))} must be {wanted}")
    outputs, inputs = model.output_shape[-1], math.prod(model.input_shape)
    classes = note.get("classes")
    if classes is not None and (len(classes) or 1) != outputs:
        raise ValueError(f"{len(classes)} classes are named, but the model has {outputs} outputs")
    for what, columns in (
        ("columns are named", None if schema is None else len(schema.feature_names)),
        ("columns have a scale", None if scaling is None else len(scaling.mean)),
    ):
        if columns not in (None, inputs):
            raise ValueError(f"{columns} {what}, but the model takes {inputs} numbers")


def _is_count(value: object) -> bool:
    return type(value) is int and value > 0


def _are_names(value: object) -> bool:
    return (
        isinstance(value, list)
        and all(type(n) is str for n in value)
        and len({*value}) == len(value)
    )
