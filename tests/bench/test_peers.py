from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nnaccel.bench.peers import GROUPS, NNACCEL, PEERS, Contestant, expand_names
from nnaccel.bench.problem import Problem, glorot_weights

CONTESTANTS = NNACCEL | PEERS
TAKE_AN_ORDER = ["torch", "jax_step", "jax_scan"]


def contestant(name: str, problem: Problem) -> Contestant:
    if not CONTESTANTS[name].available:
        pytest.skip(f"{name} is not installed: {CONTESTANTS[name].install}")
    return CONTESTANTS[name].make(problem)


def assert_same_weights(a: Contestant, b: Contestant) -> None:
    for (w, b_), (w2, b2) in zip(a.weights(), b.weights(), strict=True):
        np.testing.assert_allclose(w, w2, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(b_, b2, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("batch_size", [5, 20, 300])  # dividing 205, not dividing it, above it
@pytest.mark.parametrize("name", [n for n in CONTESTANTS if n != "numpy"])
def test_an_epoch_in_order_agrees_with_numpy(name: str, batch_size: int, problem: Problem) -> None:
    if name == "sklearn" and batch_size > len(problem.images):
        pytest.skip("scikit-learn warns and clips a batch larger than the data")
    problem = replace(problem, batch_size=batch_size)
    mine, numpy = contestant(name, problem), contestant("numpy", problem)
    for _ in range(2):
        assert mine.epoch(None) == pytest.approx(numpy.epoch(None), rel=1e-3)
    assert_same_weights(mine, numpy)


@pytest.mark.parametrize("name", TAKE_AN_ORDER)
def test_the_given_order_is_the_order_taken(name: str, problem: Problem) -> None:
    order = np.random.default_rng(1).permutation(len(problem.images))
    mine, numpy = contestant(name, problem), contestant("numpy", problem)
    assert mine.epoch(order) == pytest.approx(numpy.epoch(order), rel=1e-3)
    assert_same_weights(mine, numpy)


@pytest.mark.parametrize("name", [n for n in CONTESTANTS if n not in (*TAKE_AN_ORDER, "numpy")])
def test_an_own_shuffle_learns_as_much(name: str, problem: Problem) -> None:
    rng = np.random.default_rng(1)
    mine, in_order, numpy = (contestant(n, problem) for n in (name, name, "numpy"))
    orders = [rng.permutation(len(problem.images)) for _ in range(4)]
    losses = [(mine.epoch(order), numpy.epoch(order)) for order in orders]
    first = in_order.epoch(None)
    assert losses[0][0] != first, "it was asked to shuffle"
    assert losses[-1][0] == pytest.approx(losses[-1][1], rel=0.25)


@pytest.mark.parametrize("name", CONTESTANTS)
def test_all_start_from_the_same_weights(name: str, problem: Problem) -> None:
    mine = contestant(name, problem)
    for (w, b), (w0, b0) in zip(mine.weights(), problem.initial_weights(), strict=True):
        np.testing.assert_array_equal(w, w0)
        np.testing.assert_array_equal(b, b0)


def test_glorot_weights_have_their_variance() -> None:
    [(w, b)] = glorot_weights((300, 200), np.random.default_rng(0))
    assert np.abs(w).max() <= np.sqrt(6 / 500)
    assert w.var() == pytest.approx(2 / 500, rel=0.02)
    assert not b.any()


def test_flops_count_every_product_once(problem: Problem) -> None:
    rows, (a, b, c, d) = len(problem.images), problem.sizes
    forward = dw = a * b + b * c + c * d
    dx = b * c + c * d
    assert problem.flops == 2 * rows * (forward + dw + dx)


def test_names_expand_in_order_without_repeats() -> None:
    assert expand_names(["jax_scan", " JAX ", "numpy"], PEERS, GROUPS) == [
        "jax_scan",
        "jax_step",
        "numpy",
    ]
    assert expand_names(["all"], PEERS, GROUPS) == list(PEERS)


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(ValueError, match="Did you mean 'torch'"):
        expand_names(["troch"], PEERS, GROUPS)
