"""The network in nnaccel: Sequential.fit on float32 images."""

from __future__ import annotations

from nnaccel.backends import to_numpy, use_backend
from nnaccel.bench.cnn_problem import CnnProblem
from nnaccel.bench.problem import IntArray, Weights
from nnaccel.layers import Dense
from nnaccel.model.architectures import convolutional
from nnaccel.model.sequential import Sequential
from nnaccel.optim import SGD
from nnaccel.training.communicator import Communicator


class NnaccelCNN:
    """CNN trained by nnaccel, which shuffles by itself."""

    def __init__(
        self,
        problem: CnnProblem,
        backend: str = "numba",
        distributed: Communicator | None = None,
    ) -> None:
        self.problem = problem
        self.backend = backend
        self.distributed = distributed
        hidden = convolutional(problem.architecture)
        with use_backend(backend):
            self.model = Sequential([*hidden, Dense(problem.classes, "softmax")], seed=problem.seed)
            self.model.build(problem.x.shape[1:])
            self.model.set_weights([a for pair in problem.initial_weights() for a in pair])
            self.model.compile(
                loss="sparse_categorical_crossentropy",
                optimizer=SGD(learning_rate=problem.learning_rate),
            )

    def epoch(self, order: IntArray | None) -> float:
        """Train one epoch, shuffled by nnaccel unless order is None; return its mean loss."""
        with use_backend(self.backend):
            history = self.model.fit(
                self.problem.x,
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
