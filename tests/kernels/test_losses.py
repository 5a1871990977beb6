"""Losses, their gradients and the counts, by their definitions in plain Python."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from nnaccel.backends import to_numpy
from nnaccel_kernels import reference

TINY = 1e-7
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
shapes = st.tuples(st.integers(1, 12), st.integers(1, 12))
seeds = st.integers(0, 2**32 - 1)


def call(backend: Any, name: str, outputs: np.ndarray, targets: np.ndarray) -> Any:
    outputs, targets = map(backend.asarray, (outputs, targets))
    losses = backend.empty(outputs.shape[0], outputs.dtype)
    gradient = backend.empty(outputs.shape, outputs.dtype)
    getattr(backend.kernels, name)(outputs, targets, losses, gradient)
    return to_numpy(losses), to_numpy(gradient)


def softmax_cross_entropy(x: np.ndarray, t: np.ndarray) -> tuple[float, np.ndarray]:
    return -float((t * special.log_softmax(x)).sum()), special.softmax(x) * t.sum() - t


def sigmoid_cross_entropy(x: np.ndarray, t: np.ndarray) -> tuple[float, np.ndarray]:
    each = -(t * special.log_expit(x) + (1 - t) * special.log_expit(-x))
    return float(each.mean()), (special.expit(x) - t) / len(x)


def categorical_cross_entropy(p: np.ndarray, t: np.ndarray) -> tuple[float, np.ndarray]:
    return sum(-b * math.log(a) for a, b in zip(p, t, strict=True)), -t / p


def binary_cross_entropy(p: np.ndarray, t: np.ndarray) -> tuple[float, np.ndarray]:
    each = [-b * math.log(a) - (1 - b) * math.log(1 - a) for a, b in zip(p, t, strict=True)]
    return sum(each) / len(p), (-t / p + (1 - t) / (1 - p)) / len(p)


def mse(y: np.ndarray, t: np.ndarray) -> tuple[float, np.ndarray]:
    return sum((a - b) ** 2 for a, b in zip(y, t, strict=True)) / len(y), 2 * (y - t) / len(y)


ROWS = {
    f.__name__: f
    for f in (
        softmax_cross_entropy,
        sigmoid_cross_entropy,
        categorical_cross_entropy,
        binary_cross_entropy,
        mse,
    )
}


def parameters(name: str) -> list[str]:
    """Names of a kernel's arguments."""
    return list(inspect.signature(getattr(reference.kernels, name)).parameters)


#: Losses of probabilities, which lie between 0 and 1.
PROBABILITIES = {name for name in ROWS if parameters(name)[0] == "p"}


def test_every_loss_has_its_formula() -> None:
    found = {name for name in dir(reference.kernels) if "losses" in parameters(name)}
    assert set(ROWS) == found - {"weigh"}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("one_hot", [True, False])
@dtypes
@settings(max_examples=10)
@given(shape=shapes, seed=seeds)
def test_each_rows_loss_and_the_gradient_of_the_mean(
    backend: Any, name: str, one_hot: bool, dtype: Any, shape: tuple[int, int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    outputs = rng.normal(0, 3, shape) if name not in PROBABILITIES else rng.uniform(0.1, 0.9, shape)
    targets = np.eye(shape[1])[rng.integers(0, shape[1], shape[0])]
    if not one_hot:
        targets = rng.uniform(0, 1, shape)
    outputs, targets = outputs.astype(dtype), targets.astype(dtype)
    losses, gradient = call(backend, name, outputs, targets)
    tolerance = 60 * float(np.finfo(dtype).eps)
    for i in range(shape[0]):
        loss, slope = ROWS[name](outputs[i].astype(np.float64), targets[i].astype(np.float64))
        np.testing.assert_allclose(losses[i], loss, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(gradient[i], slope / shape[0], rtol=tolerance, atol=tolerance)


@dtypes
def test_fused_losses_survive_extreme_logits(backend: Any, dtype: Any) -> None:
    eps = float(np.finfo(dtype).eps)
    logits = np.array([[1e4, -1e4], [-1e4, 1e4], [1e4, 1e4], [-1e4, -1e4]], dtype)
    targets = np.array([[1, 0]] * 4, dtype)
    losses, gradient = call(backend, "softmax_cross_entropy", logits, targets)
    np.testing.assert_allclose(losses, [0, 2e4, math.log(2), math.log(2)], rtol=4 * eps)
    want = np.array([[0, 0], [-1, 1], [-0.5, 0.5], [-0.5, 0.5]]) / 4
    np.testing.assert_allclose(gradient, want, rtol=4 * eps)
    losses, gradient = call(backend, "sigmoid_cross_entropy", logits, targets)
    np.testing.assert_allclose(losses, [0, 1e4, 5e3, 5e3], rtol=4 * eps)
    want = np.array([[0, 0], [-1, 1], [0, 1], [-1, 0]]) / 8
    np.testing.assert_allclose(gradient, want, rtol=4 * eps)


@dtypes
def test_probabilities_are_kept_from_zero_and_one(backend: Any, dtype: Any) -> None:
    p = np.array([[0, 1], [1, 0], [-0.5, 1.5]], dtype)
    targets = np.array([[1, 0]] * 3, dtype)
    near_one = float(1 - dtype(TINY))
    losses, gradient = call(backend, "categorical_cross_entropy", p, targets)
    np.testing.assert_allclose(losses, [-math.log(TINY), 0, -math.log(TINY)], rtol=1e-5)
    assert np.isfinite(gradient).all()
    losses, gradient = call(backend, "binary_cross_entropy", p, targets)
    worst = -(math.log(TINY) + math.log(1 - near_one)) / 2
    np.testing.assert_allclose(losses[[0, 2]], worst, rtol=1e-5)
    assert losses[1] < 2e-7
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", ROWS)
@dtypes
def test_nan_spoils_its_own_row_only(backend: Any, name: str, dtype: Any) -> None:
    outputs = np.full((3, 2), 0.5, dtype)
    outputs[1, 0] = np.nan
    losses, gradient = call(backend, name, outputs, np.array([[1, 0]] * 3, dtype))
    np.testing.assert_array_equal(np.isnan(losses), [False, True, False])
    np.testing.assert_array_equal(np.isnan(gradient).any(axis=1), [False, True, False])


@dtypes
def test_an_impossible_class_without_weight_costs_nothing(backend: Any, dtype: Any) -> None:
    logits = np.array([[0, -np.inf, 0]], dtype)
    losses, gradient = call(backend, "softmax_cross_entropy", logits, np.array([[1, 0, 0]], dtype))
    np.testing.assert_allclose(losses, [math.log(2)], rtol=1e-6)
    np.testing.assert_allclose(gradient, [[-0.5, 0, 0.5]], rtol=1e-6)


@dtypes
@settings(max_examples=10)
@given(shape=shapes, seed=seeds)
def test_counts(backend: Any, dtype: Any, shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    outputs = rng.uniform(0, 1, shape).round(1).astype(dtype)  # rounded, so that there are ties
    targets = rng.integers(0, 2, shape).astype(dtype)
    hits, binary = backend.asarray(np.array([5.0])), backend.asarray(np.array([5.0]))
    place = backend.asarray(outputs), backend.asarray(targets)
    backend.kernels.count_category_hits(*place, hits)
    backend.kernels.count_binary_hits(*place, 0.5, binary)
    same = [
        max(range(shape[1]), key=lambda j, i=i: outputs[i, j])
        == max(range(shape[1]), key=lambda j, i=i: targets[i, j])
        for i in range(shape[0])
    ]
    assert float(to_numpy(hits)[0]) == 5 + sum(same)
    right = ((outputs > 0.5) == (targets > 0.5)).sum() / shape[1]
    assert float(to_numpy(binary)[0]) == pytest.approx(5 + right)


def test_sums_of_losses_are_taken_in_double_precision(backend: Any) -> None:
    total = backend.asarray(np.zeros(1))
    values = backend.asarray(np.full(100_000, 0.1, np.float32))
    backend.kernels.add_sum(values, total)
    backend.kernels.add_sum(values, total)
    assert float(to_numpy(total)[0]) == pytest.approx(200_000 * float(np.float32(0.1)), rel=1e-9)
