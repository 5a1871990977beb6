"""What the networks in nnaccel share: Sequential.fit, an epoch at a time."""

from __future__ import annotations

from typing import Any

from nnaccel.backends import to_numpy, use_backend
from nnaccel.bench.cnn_problem import CnnProblem
from nnaccel.bench.problem import IntArray, Problem, Weights
from nnaccel.layers import Dense, Layer
from nnaccel.model.sequential import Sequential
from nnaccel.optim import SGD
from nnaccel.training.communicator import Communicator


class NnaccelModel:
    """A network trained by nnaccel, which shuffles by itself; subclasses say what is hidden."""

    def __init__(
        self,
        problem: Problem | CnnProblem,
        backend: str = "numba",
        distributed: Communicator | None = None,
    ) -> None:
        self.problem = problem
        self.backend = backend
        self.distributed = distributed
        self.inputs = self._inputs()
        with use_backend(backend):
            last = Dense(problem.classes, "softmax")
            self.model = Sequential([*self._hidden(), last], seed=problem.seed)
            self.model.build(problem.x.shape[1:])
            self.model.set_weights([a for pair in problem.initial_weights() for a in pair])
            self.model.compile(
                loss="sparse_categorical_crossentropy",
                optimizer=SGD(learning_rate=problem.learning_rate),
            )

    def _hidden(self) -> list[Layer]:
        """Return the layers before the last one."""
        raise NotImplementedError

    def _inputs(self) -> Any:
        """Return the inputs to train on."""
        return self.problem.x

    def epoch(self, order: IntArray | None) -> float:
        """Train one epoch, shuffled by nnaccel unless order is None; return its mean loss."""
        with use_backend(self.backend):
            history = self.model.fit(
                self.inputs,
                self.problem.labels,
                batch_size=self.problem.batch_size,
                verbose=0,
                shuffle=order is not None,
                distributed=self.distributed,
            )
        return float(history.history["loss"][0])

    def weights(self) -> Weights:
        """Current (w, b) of each layer that has them."""
        params = [layer.params for layer in self.model.layers if layer.params]
        return [(to_numpy(p["w"]), to_numpy(p["b"])) for p in params]
