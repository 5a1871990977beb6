"""Training on a GPU: epochs of three networks, their data resident on the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import gpu_torch
import numpy as np
from gpu_nnaccel import Ours
from gpu_report import OURS, Row
from gpu_timing import Timed, medians, require_close, wall_clock
from gpu_torch import EAGER, GRAPH
from gpu_torch_training import TorchEager, TorchGraph

import nnaccel as nn
from nnaccel.bench.cnn_problem import CnnProblem
from nnaccel.bench.images import Images
from nnaccel.bench.peers.numpy_mlp import NumpyMLP
from nnaccel.bench.problem import Problem

NUMBA, NUMPY = "nnaccel numba, CPU", "NumPy, CPU"
# Rounding puts a hidden unit that is nearly zero on its other side: one costs 0.002 of an update of
# the convolutional network. TF32 rounds factors to 10 bits, and moves more of them.
_TOLERANCE, _CNN_TOLERANCE, _TF32_TOLERANCE = 1e-3, 1e-2, 0.1
_EPOCHS = 30  # of the tutorial


def mlp(images: Images) -> list[Row]:
    """An epoch of the MLP at batch 128."""
    problem = Problem(images.x, images.y)
    return [race(f"MLP {problem.name}: an epoch", problem, mlp_on_cpu(problem))]


def tutorial(images: Images) -> list[Row]:
    """An epoch of the tutorial's network, and thirty times that."""
    problem = Problem(images.x, images.y, batch_size=10)
    one = race(f"MLP {problem.name}: an epoch", problem, mlp_on_cpu(problem))
    many = {name: _EPOCHS * ms for name, ms in one.values.items()}
    return [one, replace(one, work=f"the same, {_EPOCHS} times that", values=many)]


def cnn(images: Images, tf32: bool) -> list[Row]:
    """An epoch of the convolutional network; PyTorch's tensors are channels-last."""
    size = int(images.x.shape[1] ** 0.5)
    problem = CnnProblem(images.x.reshape(-1, size, size), images.y)
    work = f"{problem.name}, TF32 {'on' if tf32 else 'off'}: an epoch"
    tolerance = _TF32_TOLERANCE if tf32 else _CNN_TOLERANCE
    kernels = nn.get_backend("cupy").kernels
    kernels.set_tf32(tf32)
    try:
        return [race(work, problem, {} if tf32 else cnn_on_cpu(problem), tolerance, tf32)]
    finally:
        kernels.set_tf32(False)


def mlp_on_cpu(problem: Problem) -> dict[str, Timed]:
    """The contestants that need no GPU."""
    numpy, rng = NumpyMLP(problem), np.random.default_rng(0)

    def epoch_ms(_calls: int) -> float:
        stop = wall_clock()
        numpy.epoch(rng.permutation(len(problem.images)))
        return stop()

    return {NUMBA: Ours(problem, "numba").epoch_ms, NUMPY: epoch_ms}


def cnn_on_cpu(problem: CnnProblem) -> dict[str, Timed]:
    """The same, on a part of the images: their time is scaled to all."""

    def scaled(backend: str, rows: int) -> Timed:
        part = Ours(problem.head(rows), backend)
        return lambda _calls: part.epoch_ms() * len(problem.images) / rows

    return {NUMBA: scaled("numba", 1280), NUMPY: scaled("numpy", 128)}


def race(
    work: str,
    problem: Any,
    on_cpu: Mapping[str, Timed],
    tolerance: float = _TOLERANCE,
    tf32: bool = False,
) -> Row:
    """Compare what two batches teach; then time epochs in turns."""
    few = noise(problem)
    wanted = learnt(Ours(few, "numpy", "float64"))
    errors: dict[str, float] = {}
    contestants: dict[str, Timed] = {}

    def enter(name: str, make: Callable[[Any], Any]) -> None:
        got = learnt(make(few))
        errors[name] = require_close(f"what {name} learnt", got, wanted, tolerance)
        contestants[name] = make(problem).epoch_ms

    with gpu_torch.settings(tf32):
        enter(OURS, partial(Ours, backend="cupy"))
        peers = {EAGER: TorchEager, GRAPH: TorchGraph} if gpu_torch.is_available() else {}
        for name, kind in peers.items():
            with gpu_torch.left_out_if_failing(f"{work}: {name}"):
                enter(name, partial(torch_peer, kind))
        return Row(work, "ms", medians({**contestants, **on_cpu}), errors)


def torch_peer(kind: Any, problem: Any) -> Any:
    """PyTorch's module with the problem's initial weights, to be trained; images channels-last."""
    from nnaccel.bench.peers.torch_cnn import TorchCNN
    from nnaccel.bench.peers.torch_mlp import TorchMLP

    is_cnn = isinstance(problem, CnnProblem)
    return kind(problem, (TorchCNN if is_cnn else TorchMLP)(problem).model, channels_last=is_cnn)


def noise(problem: Any) -> Any:
    """A batch and three rows more, of random pixels.

    In real images many windows have equal pixels, and rounding decides whose gradient it is.
    """
    few = problem.head(problem.batch_size + 3)
    pixels = np.random.default_rng(0).integers(0, 256, few.images.shape, np.uint8)
    return replace(few, images=pixels)


def learnt(contestant: Any) -> Any:
    """What an epoch in order adds to the weights, flat."""
    start = [a.ravel() for pair in contestant.problem.initial_weights() for a in pair]
    contestant.epoch_in_order()
    return contestant.weights() - np.concatenate(start)
