"""The epoch in scikit-learn: MLPClassifier by plain SGD, one partial_fit an epoch."""

from __future__ import annotations

import numpy as np
from sklearn.neural_network import MLPClassifier

from nnaccel.bench.problem import IntArray, Problem, Weights


class SklearnMLP:
    """MLP trained by scikit-learn, which shuffles by itself."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        classes = np.arange(problem.classes)
        self.model = MLPClassifier(
            problem.hidden,
            solver="sgd",
            alpha=0.0,
            batch_size=problem.batch_size,
            learning_rate_init=problem.learning_rate,
            momentum=0.0,
            nesterovs_momentum=False,
            random_state=problem.seed,
        )
        # A first step on one batch allocates the weights, which are then overwritten in place.
        self.model.partial_fit(
            problem.x[: problem.batch_size], problem.labels[: problem.batch_size], classes=classes
        )
        for i, (w, b) in enumerate(problem.initial_weights()):
            self.model.coefs_[i][...] = w
            self.model.intercepts_[i][...] = b

    def epoch(self, order: IntArray | None) -> float:
        """Train one epoch, shuffled by scikit-learn unless order is None; return its mean loss."""
        self.model.set_params(shuffle=order is not None)
        self.model.partial_fit(self.problem.x, self.problem.labels)
        return float(self.model.loss_)

    def weights(self) -> Weights:
        """Current (w, b) of each layer."""
        return list(zip(self.model.coefs_, self.model.intercepts_, strict=True))
