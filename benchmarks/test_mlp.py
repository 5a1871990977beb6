"""Seconds per epoch of SGD on MNIST-sized data, in nnaccel and other libraries."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from nnaccel.bench.images import mnist_or_synthetic
from nnaccel.bench.peers import NNACCEL, PEERS
from nnaccel.bench.problem import Problem
from nnaccel.bench.race import check_agreement

NETWORKS = [((100,), 10), ((100,), 128), ((512,), 128)]
CONTESTANTS = NNACCEL | PEERS


@functools.cache
def problem_of(hidden: tuple[int, ...], batch_size: int) -> Problem:
    images = mnist_or_synthetic()
    return Problem(images.x, images.y, hidden, batch_size)


@pytest.mark.parametrize("name", CONTESTANTS)
@pytest.mark.parametrize(("hidden", "batch_size"), NETWORKS)
def test_epoch(
    benchmark: BenchmarkFixture, hidden: tuple[int, ...], batch_size: int, name: str
) -> None:
    peer = CONTESTANTS[name]
    if not peer.available:
        pytest.skip(f"{name} is not installed: {peer.install}")
    problem = problem_of(hidden, batch_size)
    check_agreement(problem, {name: peer}, PEERS["numpy"])
    contestant = peer.make(problem)
    rng = np.random.default_rng(problem.seed)
    benchmark.group = problem.name
    benchmark.extra_info |= {"gflop": problem.flops / 1e9, "images": len(problem.images)}
    loss = benchmark.pedantic(  # type: ignore[no-untyped-call]
        contestant.epoch,
        setup=lambda: ((rng.permutation(len(problem.images)),), {}),
        rounds=3,
        warmup_rounds=1,
    )
    assert 0 < loss < np.log(problem.classes)
