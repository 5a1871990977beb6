"""The base class of network classifiers: classes, multiple labels, probabilities."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import column_or_1d

from nnaccel.estimators import _checked
from nnaccel.estimators._network import NetworkEstimator
from nnaccel.training import losses
from nnaccel.training.class_weights import weigh_classes

_BINARY, _CATEGORICAL = "binary_crossentropy", "categorical_crossentropy"
_SIGMOID_LOSSES = {
    name for name, kind in losses.LOSSES.items() if kind.last_activation == "sigmoid"
}
_LOSSES = ("auto", "log_loss", "squared_error", *losses.LOSSES)


class ClassifierNetwork(ClassifierMixin, NetworkEstimator):
    """A network whose outputs are probabilities of classes, or of each of several labels."""

    @available_if(NetworkEstimator._takes_batches)
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch on these rows.

        Parameters
        ----------
        X, y, sample_weight : array_like
            As for `fit`.
        classes : array_like, optional
            All classes, whether in `y` or not; required in the first call.

        Returns
        -------
        self
        """
        given = None if classes is None else unique_labels(classes)
        if not hasattr(self, "model_") and given is None:
            raise ValueError("classes must be passed on the first call to partial_fit")
        if hasattr(self, "model_") and not (given is None or np.array_equal(given, self.classes_)):
            raise ValueError(
                f"classes={given.tolist()} is not what the network was built for: "
                f"{self.classes_.tolist()}"
            )
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all rows at once: for partial_fit give a dict of "
                "classes and their weights"
            )
        self._partial_fit(X, y, sample_weight, given)
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each row, or its labels.

        Parameters
        ----------
        X : array_like
            As for `fit`.

        Returns
        -------
        ndarray, shape (N,), or (N, C) of 0 and 1 for several labels a row
        """
        p = self._predicted(X)
        if self._multilabel:
            return np.asarray((p > 0.5).astype(int))
        return np.asarray(self.classes_[_codes(p)])

    def predict_proba(self, X: ArrayLike) -> NDArray[np.floating]:
        """Return the probability of each class, in the order of `classes_`, shape (N, C)."""
        p = self._predicted(X)
        if p.shape[1] == 1:
            return np.concatenate([1 - p, p], axis=1)
        if self._multilabel or self.out_activation_ == "softmax":
            return p
        return np.asarray(p / p.sum(axis=1, keepdims=True))

    def predict_log_proba(self, X: ArrayLike) -> NDArray[np.floating]:
        """Return the logarithms of `predict_proba`; -inf where a probability is 0."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))

    def _encode(self, y: NDArray[Any], known: NDArray[Any] | None) -> NDArray[Any]:
        """Return class indices (N,), or 0 and 1 for each label (N, C); set `classes_`."""
        y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        check_classification_targets(y)
        kind = type_of_target(y)
        if kind == "multiclass-multioutput":
            raise ValueError("Unknown label type: several columns of y must hold 0 and 1 only")
        found = unique_labels(y)
        classes = found if known is None else known
        multilabel = kind == "multilabel-indicator"
        unknown = np.setdiff1d(found, classes)
        if len(unknown):
            raise ValueError(
                f"`y` has classes not in `self.classes_`, {classes.tolist()}: {unknown.tolist()}"
            )
        if known is not None and multilabel != getattr(self, "_multilabel", multilabel):
            raise ValueError(
                f"y has {'several labels' if multilabel else 'one label'} a row, unlike the y that "
                "the network was built for"
            )
        if not multilabel and len(classes) < 2:
            raise ValueError(
                f"y holds one class only, {found.tolist()[0]!r}: at least two are needed"
            )
        self.classes_, self._multilabel = classes, multilabel
        return np.asarray(y, np.float32) if multilabel else np.searchsorted(classes, y)

    def _weights_of(
        self, targets: NDArray[Any], weights: NDArray[np.float64] | None
    ) -> NDArray[np.float64] | None:
        """Return the weights of rows, multiplied by those of their classes."""
        if self.class_weight is None:
            return weights
        if self._multilabel:
            raise ValueError("class_weight is for one label a row: give sample_weight instead")
        rows = np.ones(len(targets)) if weights is None else weights
        rows = weigh_classes(self.class_weight, self.classes_, targets, rows)
        if not rows.any():
            raise ValueError("class_weight leaves every row with weight 0: nothing to fit")
        return rows

    def _ending(self) -> tuple[str, str, int]:
        """Return the last activation, nnaccel's name of the loss, and the number of outputs."""
        _checked.choice("loss", self.loss, _LOSSES)
        _checked.choice("output_activation", self.output_activation, ("auto", "sigmoid", "softmax"))
        classes, activation, loss = len(self.classes_), self.output_activation, self.loss
        by_itself = self._multilabel or (classes == 2 and loss not in losses.LOSSES)
        if activation == "auto":
            activation = "sigmoid" if by_itself or loss in _SIGMOID_LOSSES else "softmax"
        if loss in ("auto", "log_loss"):
            is_binary = self._multilabel or activation == "sigmoid"
            loss = _BINARY if is_binary else _CATEGORICAL
        one = classes == 2 and activation == "sigmoid" and not self._multilabel
        return activation, "mse" if loss == "squared_error" else loss, 1 if one else classes

    def _score(
        self,
        outputs: NDArray[Any],
        targets: NDArray[Any],
        weights: NDArray[np.float64] | None,
    ) -> float:
        """Share of rows predicted right, in all their labels."""
        if targets.ndim == 2:
            right = ((outputs > 0.5) == targets).all(axis=1)
        else:
            right = _codes(outputs) == targets
        return float(np.average(right, weights=weights))

    def _strata(self, targets: NDArray[Any]) -> NDArray[Any] | None:
        """Targets to stratify the validation rows by, if any."""
        return targets if targets.ndim == 1 else None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _codes(p: NDArray[Any]) -> NDArray[np.intp]:
    """Index of the most probable class of each row."""
    return np.asarray((p[:, 0] > 0.5).astype(int) if p.shape[1] == 1 else p.argmax(axis=1))
