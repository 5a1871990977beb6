"""Training on a GPU: epochs of three networks, their data resident on the device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from benchmarks.gpu import pytorch
from benchmarks.gpu.ours import Ours
from benchmarks.gpu.precision import BFLOAT16, FLOAT16, FLOAT32, TF32, Precision
from benchmarks.gpu.pytorch import EAGER, GRAPH
from benchmarks.gpu.pytorch_training import TorchEager, TorchGraph
from benchmarks.gpu.report import OURS, Benchmark, Row
from benchmarks.gpu.timing import Timed, medians, require_close, wall_clock
from nnaccel.bench.cnn_problem import CnnProblem
from nnaccel.bench.images import Images
from nnaccel.bench.peers.numpy_mlp import NumpyMLP
from nnaccel.bench.problem import Problem

NUMBA, NUMPY = "nnaccel numba, CPU", "NumPy, CPU"
_CNN_TOLERANCE = 1e-2  # a unit on the other side of zero costs 0.002 of an update
_EPOCHS = 30  # of the tutorial


def benchmarks(images: Images) -> dict[str, Benchmark]:
    """Both networks in every precision, those that matter most first."""
    return {
        "mlp": partial(mlp, images, FLOAT32),
        "cnn": partial(cnn, images, FLOAT32),
        "cnn tf32": partial(cnn, images, TF32),
        "mlp bfloat16": partial(mlp, images, BFLOAT16),
        "cnn bfloat16": partial(cnn, images, BFLOAT16),
        "mlp float16": partial(mlp, images, FLOAT16),
        "cnn float16": partial(cnn, images, FLOAT16),
    }


def mlp(images: Images, precision: Precision) -> list[Row]:
    """An epoch of the MLP at batch 128."""
    problem = Problem(images.x, images.y)
    return [race(f"MLP {problem.name}", problem, precision, precision.tolerance, mlp_on_cpu)]


def tutorial(images: Images) -> list[Row]:
    """An epoch of the tutorial's network, and thirty times that."""
    problem = Problem(images.x, images.y, batch_size=10)
    one = race(f"MLP {problem.name}", problem, FLOAT32, FLOAT32.tolerance, mlp_on_cpu)
    many = {name: _EPOCHS * ms for name, ms in one.values.items()}
    return [one, replace(one, work=f"the same, {_EPOCHS} times that", values=many)]


def cnn(images: Images, precision: Precision) -> list[Row]:
    """An epoch of the convolutional network; PyTorch's tensors are channels-last."""
    size = int(images.x.shape[1] ** 0.5)
    problem = CnnProblem(images.x.reshape(-1, size, size), images.y)
    tolerance = max(precision.tolerance, _CNN_TOLERANCE)
    return [race(problem.name, problem, precision, tolerance, cnn_on_cpu)]


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
    network: str,
    problem: Any,
    precision: Precision,
    tolerance: float,
    on_cpu: Callable[[Any], dict[str, Timed]],
) -> Row:
    """Compare what two batches teach; then time epochs in turns, on the CPU too in float32."""
    work = f"{network}, {precision.name}: an epoch"
    few = noise(problem)
    wanted = learnt(Ours(few, "numpy", "float64"))
    errors: dict[str, float] = {}
    contestants: dict[str, Timed] = {}

    def enter(name: str, make: Callable[[Any], Any]) -> None:
        got = learnt(make(few))
        errors[name] = require_close(f"what {name} learnt", got, wanted, tolerance)
        contestants[name] = make(problem).epoch_ms

    with precision.settings():
        enter(OURS, partial(Ours, backend="cupy", dtype=precision.dtype))
        for name, kind in torch_peers(precision).items():
            with pytorch.left_out_if_failing(f"{work}: {name}"):
                enter(name, partial(torch_peer, kind, half=precision.half))
        others = on_cpu(problem) if precision == FLOAT32 else {}
        return Row(work, "ms", medians({**contestants, **others}), errors)


def torch_peers(precision: Precision) -> dict[str, Any]:
    """PyTorch's contestants; its manual keeps the step of a scaler of gradients out of graphs."""
    if not pytorch.is_available():
        return {}
    if precision.scales_loss:
        return {EAGER: TorchEager}
    return {EAGER: TorchEager, GRAPH: TorchGraph}


def torch_peer(kind: Any, problem: Any, half: str = "") -> Any:
    """PyTorch's module with the problem's initial weights, to be trained; images channels-last."""
    from nnaccel.bench.peers.torch_cnn import TorchCNN
    from nnaccel.bench.peers.torch_mlp import TorchMLP

    is_cnn = isinstance(problem, CnnProblem)
    module = (TorchCNN if is_cnn else TorchMLP)(problem).model
    return kind(problem, module, channels_last=is_cnn, half=half)


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
