"""The base class of network estimators: their training."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from nnaccel._validate import Explained, whole_number
from nnaccel.estimators import _checked
from nnaccel.estimators._iterations import Record
from nnaccel.estimators._rows import Rows, set_aside
from nnaccel.estimators._solver import by_batches, by_lbfgs, optimizer_of, refuse_lbfgs
from nnaccel.layers import Dense
from nnaccel.layers.penalties import L1L2, Penalty
from nnaccel.model.sequential import Sequential
from nnaccel.ops import _check


class NetworkEstimator(Explained, BaseEstimator):
    """A network trained until its loss or score no longer improves.

    A subclass defines the form of inputs (`_as_rows`, `_checks`, `_shaped`) and of targets
    (`_encode`), the hidden layers (`_hidden_layers`), the last activation, the loss and the number
    of outputs (`_ending`), and the score (`_score`).
    """

    _auto_batch = 200
    # Parameters that a network is built by, so that another value needs a new one.
    _building: tuple[str, ...] = (
        "hidden_layer_sizes",
        "activation",
        "dropout",
        "loss",
        "output_activation",
    )

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train a new network, or with `warm_start` the existing one.

        If parameters that shape the network were changed since, it warns and trains a new one.

        Parameters
        ----------
        X : array_like
            Inputs.
        y : array_like
            Targets.
        sample_weight : array_like, shape (N,), optional
            Weight of each row.

        Returns
        -------
        self
        """
        goes_on = _check.flag("warm_start", self.warm_start) and self._can_go_on()
        epochs = whole_number("max_iter", self.max_iter)
        rows = self._read(X, y, sample_weight, goes_on)
        score = None
        if _check.flag("early_stopping", self.early_stopping):
            refuse_lbfgs(self.solver, "early_stopping=True")
            seed = check_random_state(self.random_state).randint(2**31 - 1)
            strata = self._strata(rows[1])
            rows, held = set_aside(rows, self.validation_fraction, seed, strata)
            score = lambda: self._score(self._outputs(held[0]), *held[1:])  # noqa: E731
        if goes_on:
            self._warn_if_narrower(rows[0])
            self._compile(self.model_)
        else:
            self._begin(rows[0])
        self._record.stalled = 0
        ended = self._train(rows, epochs, score)
        self._warn_of_end(ended, epochs)
        return self

    def _warn_of_end(self, ended: bool, epochs: int) -> None:
        """Warn if training ended with a higher loss, or before it converged."""
        if self.loss_curve_ and self.loss_curve_[-1] > 2 * self.loss_curve_[0]:
            warnings.warn(
                f"the loss rose from {self.loss_curve_[0]:.3g} to {self.loss_curve_[-1]:.3g}. To "
                "fix: give a smaller learning_rate_init, or standardise the inputs",
                ConvergenceWarning,
                stacklevel=3,
            )
        elif not ended:
            warnings.warn(
                f"max_iter={epochs} epochs are over and the "
                f"{'score' if self.early_stopping else 'loss'} still improves. To fix: raise "
                "max_iter or learning_rate_init, or standardise inputs and targets",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> None:
        """Train for one epoch; the optimiser keeps its state between calls."""
        if self.early_stopping:
            raise ValueError("partial_fit cannot stop early: leave early_stopping at False")
        known = getattr(self, "classes_", None) if hasattr(self, "model_") else classes
        goes_on = self._can_go_on()
        rows = self._read(X, y, sample_weight, goes_on, known)
        if goes_on:
            self._warn_if_narrower(rows[0])
        else:
            self._begin(rows[0])
        self._train(rows, 1, None)

    def _can_go_on(self) -> bool:
        """Whether there is a network to train further; warn if the parameters ask for another."""
        if not hasattr(self, "model_"):
            return False
        now = self._building_values()
        changed = [name for name, value in self._built_by.items() if now[name] != value]
        if changed:
            warnings.warn(
                f"{' and '.join(changed)} changed since the network was built: a new one is "
                "trained from the beginning. To continue with the old one, set them back",
                UserWarning,
                stacklevel=3,
            )
        return not changed

    def _building_values(self) -> dict[str, list[Any]]:
        """Return the values of the parameters that a network is built by; 5 is as [5] and (5,)."""
        values = {name: np.asarray(getattr(self, name), object) for name in self._building}
        return {name: np.atleast_1d(value).tolist() for name, value in values.items()}

    def _warn_if_narrower(self, x: NDArray[Any]) -> None:
        """Warn if the network is narrower than the inputs that it is to be trained on further."""
        if x.dtype == np.float64 and self.model_.dtype == np.float32:
            warnings.warn(
                "X is float64 now, but the network was built for float32 and goes on in it. To "
                "fix: give float32, or train a new network, with warm_start=False",
                UserWarning,
                stacklevel=3,
            )

    def _read(self, X: Any, y: Any, sample_weight: Any, goes_on: bool, classes: Any = None) -> Rows:
        """Return checked inputs, encoded targets, and weights or None."""
        X, y = _checked.on_host(X), _checked.on_host(y)
        checks = self._checks() | {"multi_output": True, "reset": not goes_on}
        x, shape = self._as_rows(X)
        x, t = validate_data(self, x, y, **checks)
        weights = None if sample_weight is None else _checked.weights_of(x, sample_weight)
        known = getattr(self, "classes_", None) if goes_on else classes
        targets = self._encode(t, known)
        return self._shaped(x, shape), targets, self._weights_of(targets, weights)

    def _weights_of(
        self, targets: NDArray[Any], weights: NDArray[np.float64] | None
    ) -> NDArray[np.float64] | None:
        """Return the weights of rows with those targets."""
        return weights

    def _outputs(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the network's outputs for checked inputs."""
        return self.model_.predict(x, batch_size=max(256, self._batch_size(len(x))))

    def _predicted(self, X: ArrayLike) -> NDArray[Any]:
        """Return the network's outputs for inputs."""
        check_is_fitted(self, "model_")
        x, shape = self._as_rows(_checked.on_host(X))
        x = _checked.to_predict(self, x, **self._checks())
        return self._outputs(self._shaped(x, shape))

    def _begin(self, x: NDArray[Any]) -> None:
        """Create a new network."""
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        activation, _, units = self._ending()
        dtype = "float64" if x.dtype == np.float64 else "float32"
        layers = [*self._hidden_layers(x.shape[1:]), Dense(units, activation)]
        network = Sequential(layers, seed=seed, dtype=dtype)
        network.build(x.shape[1:])
        self._compile(network)
        self.model_, self._record = network, Record()
        self._built_by = self._building_values()

    def _compile(self, network: Sequential) -> None:
        """Compile the network with its loss and a new optimiser."""
        _, loss, _ = self._ending()
        network.compile(loss=loss, optimizer=optimizer_of(self))

    def _penalize(self, rows: Rows) -> None:
        """Give all layers with parameters the penalty of the estimator."""
        for layer in self.model_.layers:
            if layer.count_params:
                layer.penalty = self._penalty(rows)

    def _penalty(self, rows: Rows) -> Penalty:
        """Return a step's share of the penalty, as in scikit-learn."""
        x, _, weights = rows
        counted = self._batch_size(len(x)) * (1.0 if weights is None else float(weights.mean()))
        alpha, l1 = _checked.number("alpha", self.alpha), _checked.number("l1", self.l1)
        return L1L2(l1 / counted, alpha / counted / 2)

    def _train(self, rows: Rows, epochs: int, score: Callable[[], float] | None) -> bool:
        """Train for at most `epochs` epochs; return whether training converged before."""
        x, targets, weights = rows
        before = len(self._record.losses)
        counts = None if weights is None else weights / weights.mean()
        if self._loss_factor() != 1:
            counts = self._loss_factor() * (np.ones(len(x)) if counts is None else counts)
        self._penalize(rows)
        if self.solver == "lbfgs":
            converged = by_lbfgs(self, (x, targets, counts), epochs)
        else:
            converged = by_batches(self, (x, targets, counts), epochs, score)
        if score is not None and self._record.best_weights:
            self.model_.set_weights(self._record.best_weights)
        self._set_fitted(before)
        return converged

    def _takes_batches(self) -> bool:
        """Whether there is `partial_fit`: with 'lbfgs' scikit-learn expects none."""
        refuse_lbfgs(self.solver, "partial_fit")
        return True

    def _set_fitted(self, before: int) -> None:
        """Set the fitted attributes of scikit-learn's networks; `before` epochs were known."""
        record, stops_early = self._record, self.early_stopping
        self.n_iter_, self.t_ = len(record.losses) - before, record.rows_seen
        self.loss_curve_ = list(record.losses)
        self.loss_ = record.losses[-1] if record.losses else np.nan
        self.best_loss_ = None if stops_early else record.best_loss
        self.validation_scores_ = list(record.scores) if stops_early else None
        self.best_validation_score_ = record.best_score if stops_early else None
        dense = [layer for layer in self.model_.layers if layer.count_params]
        self.n_layers_ = len(dense) + 1
        self.n_outputs_ = int(self.model_.output_shape[0])
        self.out_activation_ = self.model_.layers[-1].activation

    def _loss_factor(self) -> float:
        """Factor on the loss of a row."""
        return 1.0

    def _batch_size(self, count: int) -> int:
        if self.solver == "lbfgs":
            return count
        if isinstance(self.batch_size, str):
            _checked.choice("batch_size", self.batch_size, ("auto",))
            return min(self._auto_batch, count)
        return min(whole_number("batch_size", self.batch_size), count)
