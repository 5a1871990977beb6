"""The networks that are raced on a GPU in nnaccel: public API, on any backend."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnaccel as nn
from benchmarks.gpu.timing import Clock, cupy_clock, wall_clock
from nnaccel.bench.cnn_problem import CnnProblem
from nnaccel.model.architectures import convolutional


class Ours:
    """One of the networks in nnaccel, on a backend."""

    def __init__(self, problem: Any, backend: str, dtype: str = "float32") -> None:
        self.problem, self.backend = problem, backend
        is_cnn = isinstance(problem, CnnProblem)
        hidden = (
            convolutional(problem.architecture)
            if is_cnn
            else [nn.Dense(units, "relu") for units in problem.hidden]
        )
        with nn.use_backend(backend):
            self.x = nn.asarray(problem.x)
            last = nn.Dense(problem.classes, "softmax")
            self.model = nn.Sequential([*hidden, last], seed=problem.seed, dtype=dtype)
            self.model.build(problem.x.shape[1:])
            self.model.set_weights([a for pair in problem.initial_weights() for a in pair])
            sgd = nn.optim.SGD(learning_rate=problem.learning_rate)
            self.model.compile("sparse_categorical_crossentropy", sgd)

    def fit(self, **settings: Any) -> None:
        """Train on the resident rows."""
        with nn.use_backend(self.backend):
            batch_size = self.problem.batch_size
            labels = self.problem.labels
            self.model.fit(self.x, labels, batch_size=batch_size, verbose=0, **settings)

    def epoch_in_order(self) -> None:
        """Train on the rows as they stand."""
        self.fit(shuffle=False)

    def epoch_ms(self, _calls: int = 1) -> float:
        """Milliseconds of the second epoch of a fit: the first records the step."""
        timer = _EpochTimer(cupy_clock if self.backend == "cupy" else wall_clock)
        self.fit(epochs=2, callbacks=[timer])
        return timer.ms

    def weights(self) -> Any:
        """All parameters, flat."""
        return np.concatenate([w.ravel() for w in self.model.get_weights()])


class _EpochTimer(nn.Callback):
    """Times every epoch and keeps the last one's milliseconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.ms = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any) -> None:
        self._stop = self._clock()

    def on_epoch_end(self, epoch: int, logs: Any) -> None:
        self.ms = self._stop()
