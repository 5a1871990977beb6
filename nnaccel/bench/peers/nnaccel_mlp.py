"""The epoch in nnaccel: Sequential.fit on float32 rows or on uint8 images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnaccel.backends import asarray, to_numpy, use_backend
from nnaccel.bench.problem import IntArray, Problem, Weights
from nnaccel.layers import Dense
from nnaccel.model.sequential import Sequential
from nnaccel.optim import SGD
from nnaccel.training.communicator import Communicator


class NnaccelMLP:
    """MLP trained by nnaccel, which shuffles by itself."""

    def __init__(
        self,
        problem: Problem,
        backend: str = "numba",
        distributed: Communicator | None = None,
    ) -> None:
        self.problem = problem
        self.backend = backend
        self.distributed = distributed
        self.rows = self._rows()
        with use_backend(backend):
            self.model = Sequential(
                [Dense(units, "relu") for units in problem.hidden]
                + [Dense(problem.classes, "softmax")],
                seed=problem.seed,
            )
            self.model.build((problem.sizes[0],))
            for layer, (w, b) in zip(self.model.layers, problem.initial_weights(), strict=True):
                layer.params["w"][...] = asarray(w)
                layer.params["b"][...] = asarray(b)
            self.model.compile(
                loss="sparse_categorical_crossentropy",
                optimizer=SGD(learning_rate=problem.learning_rate),
            )

    def epoch(self, order: IntArray | None) -> float:
        """Train one epoch, shuffled by nnaccel unless order is None; return its mean loss."""
        with use_backend(self.backend):
            history = self.model.fit(
                self.rows,
                self.problem.labels,
                epochs=1,
                batch_size=self.problem.batch_size,
                verbose=0,
                shuffle=order is not None,
                distributed=self.distributed,
            )
        return float(history.history["loss"][0])

    def weights(self) -> Weights:
        """Current (w, b) of each layer."""
        return [
            (to_numpy(layer.params["w"]), to_numpy(layer.params["b"]))
            for layer in self.model.layers
        ]

    def _rows(self) -> npt.NDArray[np.float32] | npt.NDArray[np.uint8]:
        return self.problem.x


class NnaccelUint8MLP(NnaccelMLP):
    """The same from uint8 images, scaled as each batch is gathered: a quarter of the memory."""

    def _rows(self) -> npt.NDArray[np.uint8]:
        return self.problem.images[:, None]  # images of one line: a table would be taken as numbers
