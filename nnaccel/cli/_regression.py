"""A regression on the columns of a file: its family, its fit, and a picture of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import click
import numpy as np
from numpy.typing import NDArray

from nnaccel._validate import unknown_name
from nnaccel.cli._common import shown_warnings

if TYPE_CHECKING:
    from nnaccel.data import Design

#: Families and their estimators.
FAMILIES = {
    "linear": "LinearRegression",
    "logistic": "LogisticRegression",
    "softmax": "SoftmaxRegression",
}


def choose_family(design: Design) -> tuple[str, str]:
    """Return the family that suits the target, and why."""
    values = len(np.unique(design.y))
    if design.is_text:
        what = f"{design.target!r} is text with {values:,} levels"
        return ("logistic" if values == 2 else "softmax"), what
    if values == 2:
        return "logistic", f"{design.target!r} has 2 distinct values"
    return "linear", f"{design.target!r} is a number with {values:,} distinct values"


@dataclass(frozen=True)
class Regression:
    """A fitted model and its table beside the data; `y` is what it explains: numbers, or labels."""

    design: Design
    family: str
    y: NDArray[Any]
    model: Any
    summary: Any

    @classmethod
    def fit(cls, design: Design, family: str, reference: str | None = None) -> Self:
        """Fit by the family's own solver; warnings go to stderr."""
        from nnaccel import estimators

        y = _target(design, family)
        model = getattr(estimators, FAMILIES[family])()
        with shown_warnings(design.feature_names):
            model.fit(design.x, y)
            held = {} if reference is None else {"reference": _class_called(reference, model)}
            summary = model.summary(design.feature_names, design.target, **held)
        return cls(design, family, y, model, summary)

    def draw(self) -> Any:
        """Draw what there is to see: a line or a boundary if it fits on paper, else how well."""
        from nnaccel import plot

        x, names, model = self.design.x, self.design.feature_names, self.model
        target, score = self.design.target, model.score(self.design.x, self.y)
        numeric = 0 if self.design.text else len(names)
        if self.family == "linear":
            title = f"{target}: R² = {score:.3f}"
            if numeric != 1:
                return plot.observed_against_fitted(self.y, model.predict(x), target, title)
            return plot.regression_line(
                x[:, 0], self.y, model, xlabel=names[0], ylabel=target, title=title
            )
        title = f"{target}: {score:.1%} of {len(self.y):,} rows right"
        if numeric == 1 and self.family == "logistic":
            return plot.logistic_curve(x[:, 0], self.y, model, names[0], title)
        if numeric != 2:
            classes = [str(name) for name in model.classes_]
            return plot.confusion_matrix(self._counts(), classes=classes, title=title)
        return plot.decision_boundary(
            model.predict_proba, x, self.y, xlabel=names[0], ylabel=names[1], title=title
        )

    def _counts(self) -> NDArray[np.int64]:
        """How often each class was taken for each other."""
        from nnaccel.training.metrics.confusion import confusion_counts

        known = self.model.classes_
        true, taken = self.y, self.model.predict(self.design.x)
        return confusion_counts(
            np.searchsorted(known, true), np.searchsorted(known, taken), len(known)
        )


def _target(design: Design, family: str) -> NDArray[Any]:
    """Return the target as the family takes it."""
    if family == "linear":
        if design.is_text:
            raise click.UsageError(
                f"--family linear explains a number, and {design.target!r} is text: "
                "take logistic or softmax"
            )
        return design.y
    values = len(np.unique(design.y))
    if family == "logistic" and values > 2:
        raise click.UsageError(
            f"--family logistic tells two classes apart, and {design.target!r} has {values:,}: "
            "take softmax" + ", or linear, which explains a number" * (not design.is_text)
        )
    labels = design.labels()
    return labels


def _class_called(name: str, model: Any) -> Any:
    """The class whose label reads so."""
    if not hasattr(model, "classes_"):
        raise ValueError("--reference is for classes, and linear regression explains a number")
    labels = {str(label): label for label in model.classes_.tolist()}
    if name not in labels:
        raise ValueError(unknown_name("class", name, tuple(labels)))
    return labels[name]
