"""A saved model, with what this command line noted in its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

    model: Sequential
    epochs: int
    note: Mapping[str, Any]
    schema: Schema | None
    scaling: Scaling | None

    @classmethod
    def read(cls, path: Path) -> Saved:
        """Read a file that `--save`, or `Sequential.save`, wrote."""
        from nnaccel.data import Scaling, Schema
        from nnaccel.model.sequential import load
        from nnaccel.training import checkpoint

        model = load(path)
        training = checkpoint.read(path)[1].get("training", {})
        note = training.get("callbacks", {}).get(Note.__name__, {})
        with checkpoint.reading(path):
            schema, scaling = note.get("schema"), note.get("scaling")
            schema = schema and Schema.from_dict(schema)
            scaling = scaling and Scaling.from_dict(scaling)
        return cls(model, training.get("next_epoch", model.epochs), note, schema, scaling)

    def names(self, classes: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Name each output: as noted, else as in `classes`, else by number."""
        known = tuple(self.note.get("classes", classes))
        units = self.model.output_shape[-1]
        return (*known, *map(str, range(len(known), units)))[:units]

    def shares(self, x: NDArray[Any]) -> NDArray[Any]:
        """Share of each class in each row: the outputs, or their softmax if the model has none."""
        from nnaccel import ops

        outputs = self.model.predict(x)
        return ops.softmax(outputs) if self.model.layers[-1].activation == "linear" else outputs

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
