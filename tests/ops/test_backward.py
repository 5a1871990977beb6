"""Every backward against finite differences, on every backend."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnaccel import ops
from nnaccel.backends import asarray, to_numpy

from .checked import ACTIVATIONS, BACKWARDS, Checked, normal

LOSSES = [name for name in ops.__all__ if name.endswith("cross_entropy") or name == "mse"]

shapes = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)
seeds = st.integers(0, 2**32 - 1)


class Case(NamedTuple):
    """A function of arrays of some shapes, and its backward of `dy` and those arrays."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    shapes: list[tuple[int, ...]]


def activation(name: str, *alpha: float) -> Case:
    f, back = getattr(ops, name), getattr(ops, f"{name}_backward")
    if ACTIVATIONS[name] == "x":
        return Case(lambda x: f(x, *alpha), lambda dy, x: back(dy, x, *alpha), [(5, 7)])
    return Case(lambda x: f(x, *alpha), lambda dy, x: back(dy, f(x, *alpha), *alpha), [(5, 7)])


def batch_norm(x: Any, gamma: Any, beta: Any) -> Any:
    mean, var = (asarray(np.full(x.shape[1], start)) for start in (0.0, 1.0))
    return ops.batch_norm(x, gamma, beta, mean, var, training=True)


CASES = {
    **{f"{name}_backward": activation(name) for name in ACTIVATIONS},
    "linear_backward": Case(
        ops.linear, lambda dy, x, w, b: ops.linear_backward(dy, x, w), [(4, 3), (3, 5), (5,)]
    ),
    "conv2d_backward": Case(
        ops.conv2d,
        lambda dy, x, w, b: ops.conv2d_backward(dy, x, w),
        [(2, 3, 5, 4), (4, 3, 3, 2), (4,)],
    ),
    "conv_transpose2d_backward": Case(
        ops.conv_transpose2d,
        lambda dy, x, w, b: ops.conv_transpose2d_backward(dy, x, w),
        [(2, 3, 3, 2), (3, 4, 2, 3), (4,)],
    ),
    "max_pool2d_backward": Case(
        lambda x: ops.max_pool2d(x, 2),
        lambda dy, x: ops.max_pool2d_backward(dy, x, ops.max_pool2d(x, 2), 2),
        [(2, 3, 4, 6)],
    ),
    "avg_pool2d_backward": Case(
        lambda x: ops.avg_pool2d(x, 2),
        lambda dy, x: ops.avg_pool2d_backward(dy, x, 2),
        [(2, 3, 4, 6)],
    ),
    "batch_norm_backward": Case(
        lambda *args: batch_norm(*args)[0],
        lambda dy, x, gamma, beta: ops.batch_norm_backward(
            dy, x, gamma, *batch_norm(x, gamma, beta)[1:], training=True
        ),
        [(6, 3), (3,), (3,)],
    ),
    "layer_norm_backward": Case(
        lambda *args: ops.layer_norm(*args)[0],
        lambda dy, x, gamma, beta: ops.layer_norm_backward(
            dy, x, gamma, *ops.layer_norm(x, gamma, beta)[1:]
        ),
        [(3, 6), (6,), (6,)],
    ),
}


def away_from_the_kink(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 0.01, 0.5, x)


@pytest.mark.parametrize("name", BACKWARDS)
def test_every_backward(backend: Any, name: str) -> None:
    """One without a case fails; those of images and of norms have files of their own, too."""
    case = CASES[name]
    args = [away_from_the_kink(normal(*shape, seed=i)) for i, shape in enumerate(case.shapes)]
    Checked(case.forward, case.backward).run(*args)


@pytest.mark.parametrize("name", ACTIVATIONS)
@settings(max_examples=10)
@given(shape=shapes, seed=seeds)
def test_activations(backend: Any, name: str, shape: tuple[int, ...], seed: int) -> None:
    case = activation(name)
    x = away_from_the_kink(np.random.default_rng(seed).normal(0, 2, shape))
    Checked(case.forward, case.backward).run(x)


@pytest.mark.parametrize("alpha", [0.0, 0.1, 2.0])
@pytest.mark.parametrize("name", ["leaky_relu", "elu"])
def test_slopes(backend: Any, name: str, alpha: float) -> None:
    case = activation(name, alpha)
    Checked(case.forward, case.backward).run(away_from_the_kink(normal(5, 7)))


@settings(max_examples=10)
@given(size=st.tuples(*[st.integers(1, 9)] * 3), seed=seeds)
def test_linear(backend: Any, size: tuple[int, int, int], seed: int) -> None:
    n, k, m = size
    rng = np.random.default_rng(seed)
    x, w, b = (rng.standard_normal(shape) for shape in ((n, k), (k, m), (m,)))
    Checked(ops.linear, lambda dy, x, w, b: ops.linear_backward(dy, x, w)).run(x, w, b)


def test_linear_without_the_gradient_of_its_input(backend: Any) -> None:
    dy, x, w = (asarray(np.ones(s)) for s in ((2, 3), (2, 4), (4, 3)))
    dx, dw, db = ops.linear_backward(dy, x, w, input_gradient=False)
    assert dx is None
    assert to_numpy(dw).tolist() == [[2.0] * 3] * 4
    assert db is not None


def test_dropout(backend: Any) -> None:
    place: Any = {"key": np.array([3], np.uint64), "step": backend.asarray(np.array([8]))}
    x = np.random.default_rng(0).normal(size=(6, 7))
    Checked(
        lambda x: ops.dropout(x, 0.4, **place), lambda dy, x: ops.dropout(dy, 0.4, **place)
    ).run(x)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("labels", [True, False])
@settings(max_examples=10)
@given(shape=st.tuples(st.integers(1, 6), st.integers(2, 6)), seed=seeds)
def test_losses(backend: Any, name: str, labels: bool, shape: tuple[int, int], seed: int) -> None:
    rng, (outputs, _) = (
        np.random.default_rng(seed),
        inspect.signature(getattr(ops, name)).parameters,
    )
    x = rng.uniform(0.1, 0.9, shape) if outputs == "p" else rng.normal(0, 2, shape)
    targets = rng.integers(0, shape[1], shape[0]) if labels else rng.uniform(0, 1, shape)

    def loss(x: Any) -> Any:
        return getattr(ops, name)(x, asarray(targets))[0]

    def backward(dy: Any, x: Any) -> Any:
        return dy * getattr(ops, name)(x, asarray(targets))[1]

    Checked(loss, backward).run(x)
