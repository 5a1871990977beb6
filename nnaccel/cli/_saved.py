"""A saved model, with what this command line noted in its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnaccel.training.callbacks import Callback

if TYPE_CHECKING:
    from nnaccel.data import Dataset
    from nnaccel.model.sequential import Sequential


class Note(Callback):
    """Puts into a checkpoint what resuming needs and the model does not know.

    Parameters
    ----------
    content : dict
        'data', 'classes', 'batch_size' and 'epochs'.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    def state(self) -> dict[str, Any]:
        """Return the note."""
        return self.content


@dataclass(frozen=True)
class Saved:
    """A model from a file, how many epochs it has had, and the note, which may be empty."""

    model: Sequential
    epochs: int
    note: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Saved:
        """Read a file that `--save`, or `Sequential.save`, wrote."""
        from nnaccel.model.sequential import load
        from nnaccel.training import checkpoint

        model = load(path)
        training = checkpoint.read(path)[1].get("training", {})
        note = training.get("callbacks", {}).get(Note.__name__, {})
        return cls(model, training.get("next_epoch", model.epochs), note)

    def names(self, classes: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Name each output: as noted, else as in `classes`, else by number."""
        known = tuple(self.note.get("classes", classes))
        units = self.model.output_shape[-1]
        return (*known, *map(str, range(len(known), units)))[:units]


def load_data(source: str, classes: tuple[str, ...] = (), timeout: float = 60.0) -> Dataset:
    """Load a data set by name or path; labels of a file are positions in `classes`, if given."""
    from nnaccel import data

    if classes and Path(source).suffix.lower() in (".npz", ".csv"):
        return data.load(source, classes=classes)
    return data.load_named(source, timeout=timeout)
