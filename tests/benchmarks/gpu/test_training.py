"""Networks that are raced on a GPU: what they learn, in every precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pytest

from benchmarks.gpu import ours, precision, pytorch, pytorch_training, timing, training
from nnaccel.bench.cnn_problem import CnnProblem
from nnaccel.bench.images import synthetic
from nnaccel.bench.problem import DisagreementError, Problem

from ...fake_cupy import fake_cupy  # noqa: F401


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch on the CPU, if it is there, where a graph is but the step again; a host's clock."""

    def capture(step: Callable[[], object]) -> Callable[[int], None]:
        step()
        return lambda calls: [step() for _ in range(calls)][:0] and None

    monkeypatch.setattr(pytorch, "DEVICE", "cpu")
    monkeypatch.setattr(pytorch, "capture", capture)
    monkeypatch.setattr(pytorch, "is_available", lambda: find_spec("torch") is not None)
    monkeypatch.setattr(ours, "cupy_clock", timing.wall_clock)
    monkeypatch.setattr(pytorch_training, "torch_clock", timing.wall_clock)


@pytest.mark.parametrize("name", ["FLOAT32", "BFLOAT16", "FLOAT16"])
@pytest.mark.parametrize("is_cnn", [False, True])
@pytest.mark.usefixtures("stand_ins")
def test_pytorch_learns_the_same(name: str, is_cnn: bool) -> None:
    """Warming up must leave no trace."""
    pytest.importorskip("torch", reason="PyTorch is an extra of the benchmarks")
    rounded = getattr(precision, name)
    images = synthetic(rows=11, features=64)
    problem: Any = (
        CnnProblem(images.x.reshape(-1, 8, 8), images.y, batch_size=4)
        if is_cnn
        else Problem(images.x, images.y, batch_size=4)
    )
    few = training.noise(problem)
    wanted = training.learnt(training.Ours(few, "numpy", "float64"))
    for kind in training.torch_peers(rounded).values():
        got = training.learnt(training.torch_peer(kind, few, rounded.half))
        error = timing.require_close("learnt", got, wanted, rounded.tolerance)
        assert (error > 1e-4) == bool(rounded.half)


@pytest.mark.parametrize(
    "name", ["cnn tf32", "mlp bfloat16", "cnn bfloat16", "mlp float16", "cnn float16"]
)
@pytest.mark.usefixtures("fake_cupy", "stand_ins")
def test_networks_are_raced_in_every_precision(name: str) -> None:
    benchmark = training.benchmarks(synthetic(rows=140, features=64))[name]
    [row] = benchmark()
    network, kind = name.split()
    assert row.work.lower().startswith(network)
    assert row.work.lower().endswith(f"batch 128, {kind}: an epoch")
    with_torch = {"PyTorch eager", "PyTorch graph"} if find_spec("torch") else set()
    graph = {"PyTorch graph"} if kind == "float16" else set()
    assert set(row.values) == set(row.errors) == {"nnaccel"} | with_torch - graph
    # The fake has no TF32; of 16 bits something must be seen.
    assert all((error > 1e-4) == (kind != "tf32") for error in row.errors.values())


@pytest.mark.usefixtures("fake_cupy", "stand_ins")
def test_what_learns_something_else_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hasty(training.Ours):  # type: ignore[misc,name-defined]
        def __init__(self, problem: Any, backend: str, dtype: str) -> None:
            rate = problem.learning_rate * (2 if backend == "cupy" else 1)
            super().__init__(replace(problem, learning_rate=rate), backend, dtype)

    monkeypatch.setattr(training, "Ours", Hasty)
    benchmark = training.benchmarks(synthetic(rows=140, features=64))["mlp bfloat16"]
    with pytest.raises(DisagreementError, match=r"nnaccel learnt is off by .*; at most 0\.3 was"):
        benchmark()


def test_an_epoch_within_a_fit_is_timed() -> None:
    images = synthetic(rows=30, features=20)
    network = ours.Ours(Problem(images.x, images.y, batch_size=8), "numpy")
    assert network.epoch_ms() > 0
    assert network.model.epochs == 2
