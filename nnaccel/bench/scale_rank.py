"""What a rank does in the benchmark of scaling: python -m nnaccel.bench.scale_rank SETTINGS."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

from nnaccel import _config
from nnaccel.backends import get_backend
from nnaccel.bench.images import mnist_or_synthetic
from nnaccel.distributed import init
from nnaccel.layers import Dense
from nnaccel.model.architectures import convolutional
from nnaccel.model.sequential import Sequential
from nnaccel.training.communicator import Communicator

_REDUCTIONS = 50


def measure(model: str, rows: int, batch_size: int, repeats: int, fixed: bool) -> dict[str, Any]:
    """Train epochs with the other ranks; return seconds of each, and of an all-reduce alone."""
    comm = init(deterministic=fixed)
    images = mnist_or_synthetic()
    x, y = images.x[:rows].astype(np.float32) / 255, images.y[:rows]
    network = _network(model)
    x = x.reshape(-1, 1, 28, 28) if model == "cnn" else x
    seconds, loss = [], 0.0
    for _ in range(1 + repeats):  # the first one compiles
        comm.meet(1)
        start = time.perf_counter()
        history = network.fit(x, y, batch_size=batch_size, verbose=0, distributed=comm)
        seconds.append(time.perf_counter() - start)
        loss = history.history["loss"][-1]
    return {
        "ranks": comm.size,
        "threads": _config.num_threads(),
        "rows": len(x),
        "steps": -(-len(x) // batch_size),
        "parameters": network.count_params,
        "seconds": seconds[1:],
        "reduction": _seconds_of_reduction(comm, np.zeros_like(network.gradients)),
        "loss": loss,
    }


def _network(model: str) -> Sequential:
    hidden = convolutional("cnn") if model == "cnn" else [Dense(512, "relu")]
    network = Sequential([*hidden, Dense(10, "softmax")], seed=0)
    network.compile(optimizer="sgd")
    return network


def _seconds_of_reduction(comm: Communicator, array: np.ndarray) -> float:
    """Median seconds of one all-reduce of the gradients, called from a tape."""
    backend = get_backend()
    replay = backend.record(lambda: comm.all_reduce(backend, array))
    taken = []
    for _ in range(_REDUCTIONS):
        comm.meet(1)
        start = time.perf_counter()
        replay(1)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def main() -> None:
    """Measure, and let rank 0 print what it found."""
    found = measure(**json.loads(sys.argv[1]))
    launcher = _config.launcher()
    if launcher is None or launcher.rank == 0:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
