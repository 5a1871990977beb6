"""Convolutional networks: the same weights, and the same losses, in every library."""

from __future__ import annotations

import numpy as np
import pytest

from nnaccel.bench import cnn, race
from nnaccel.bench.cnn_problem import CnnProblem
from nnaccel.bench.images import synthetic
from nnaccel.bench.machine import Machine
from nnaccel.bench.peers import CNN_NNACCEL, CNN_PEERS
from nnaccel.model.architectures import ARCHITECTURES

CONTESTANTS = CNN_NNACCEL | CNN_PEERS
SIDES = {"cnn": 8, "lenet": 16}


@pytest.fixture(params=ARCHITECTURES)
def problem(request: pytest.FixtureRequest) -> CnnProblem:
    side = SIDES[request.param]
    images = synthetic(rows=21, features=side * side)
    return CnnProblem(images.x.reshape(-1, side, side), images.y, request.param, batch_size=10)


@pytest.mark.parametrize("name", [name for name in CONTESTANTS if name != "numpy"])
def test_everybody_learns_the_same(name: str, problem: CnnProblem) -> None:
    if not CONTESTANTS[name].available:
        pytest.skip(f"{name} is not installed: {CONTESTANTS[name].install}")
    mine, numpy = CONTESTANTS[name].make(problem), CONTESTANTS["numpy"].make(problem)
    for (w, b), (w0, b0) in zip(mine.weights(), problem.initial_weights(), strict=True):
        np.testing.assert_array_equal(w, w0)
        np.testing.assert_array_equal(b, b0)
    assert mine.epoch(None) == pytest.approx(numpy.epoch(None), rel=1e-3)
    for ours, theirs in zip(mine.weights(), numpy.weights(), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_flops_count_every_product_once() -> None:
    problem = CnnProblem(np.zeros((3, 28, 28), np.uint8), np.zeros(3, np.int64), "lenet")
    conv1, conv2 = 20 * 25 * 24 * 24, 50 * 20 * 25 * 8 * 8
    dense = 800 * 500 + 500 * 10
    assert problem.flops == 2 * 3 * (2 * conv1 + 3 * (conv2 + dense))
    assert problem.network == "lenet 20c5-p2-50c5-p2-500-10"


def test_a_race(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "measure_machine", lambda: machine)
    data = synthetic(rows=30, features=64)
    report = cnn.run_cnn("cnn", 10, ["numpy"], 1, "numpy", images=20, data=data)
    assert (report.images, report.batch_size) == (20, 10)
    assert [row.name for row in report.rows] == ["nnaccel", "numpy"]
