"""How well a model does on some rows: measured once, then printed, drawn or written as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnaccel._text import escaped, terminal_width
from nnaccel.cli._common import echo

if TYPE_CHECKING:
    from nnaccel.data import Scaling
    from nnaccel.model.sequential import Sequential

#: More classes than these make a matrix that no terminal shows.
_MAX_CLASSES = 20


@dataclass(frozen=True)
class Outcome:
    """Scores of a model on rows `x`; for classes, what it took each row for."""

    x: NDArray[Any]
    y: NDArray[Any]
    classes: tuple[str, ...]
    scores: dict[str, float]
    predicted: NDArray[Any] | None
    counts: NDArray[np.int64] | None

    @classmethod
    def measure(
        cls,
        model: Sequential,
        x: NDArray[Any],
        y: NDArray[Any],
        classes: tuple[str, ...],
        scaling: Scaling | None = None,
    ) -> Outcome:
        """Evaluate, and predict each row; errors of numbers are in the unit of the target."""
        with np.errstate(all="ignore"):  # what overflows is shown as it is
            logs = model.evaluate(x, y, return_dict=True)
            outputs = model.predict(x)
        scores = {name: float(value) for name, value in logs.items()}
        if not classes:
            scale = 1.0 if scaling is None else scaling.target_scale
            return cls(x, y, classes, scores | _errors(y, outputs[:, 0], scale), None, None)
        from nnaccel.training.metrics.confusion import confusion_counts

        predicted = outputs.argmax(1)
        return cls(x, y, classes, scores, predicted, confusion_counts(y, predicted, len(classes)))

    def print(self) -> None:
        """Print the scores and the confusion matrix."""
        from nnaccel.training.metrics.confusion import confusion_text

        for name, value in self.scores.items():
            text = f"{value:.2%}" if name == "accuracy" else f"{value:.4g}"
            echo(f"{f'test {name}':<14} {text}  ({len(self.y):,} rows)")
        if self.counts is not None and len(self.classes) <= _MAX_CLASSES:
            echo(f"\n{confusion_text(self.counts, self._names, terminal_width())}")

    def as_json(self) -> dict[str, Any]:
        """Return all but the rows themselves."""
        confusion = None if self.counts is None else self.counts.tolist()
        return {
            "rows": len(self.y),
            **self.scores,
            "classes": list(self.classes),
            "confusion": confusion,
        }

    @property
    def _names(self) -> tuple[str, ...]:
        """The classes, to be seen."""
        return tuple(map(escaped, self.classes))

    def draw(self, history: dict[str, list[float]], path: Path) -> None:
        """Draw the curves, the matrix and the images it got wrong."""
        from nnaccel import plot

        images = None
        if self.predicted is not None and self.x.dtype == np.uint8 and self.x.ndim == 3:
            images = self.x, self.y, self.predicted
        plot.save(plot.report(history, self.counts, self._names, images), path)


def _errors(y: NDArray[Any], outputs: NDArray[Any], scale: float) -> dict[str, float]:
    """Root of the mean squared error, and the share of the variance that is explained."""
    error = np.mean((np.asarray(outputs, np.float64) - y) ** 2)
    variance = np.var(y, dtype=np.float64)
    explained = {"r2": float(1 - error / variance)} if variance else {}
    return {"rmse": float(np.sqrt(error)) * scale, **explained}
