"""Every backward against finite differences, on every backend."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnaccel import ops
from nnaccel.backends import asarray, to_numpy

from .checked import Checked

BY_INPUT = {"gelu"}
OTHERS = {"linear_backward", "batch_norm_backward", "layer_norm_backward"}
ACTIVATIONS = sorted(
    name.removesuffix("_backward")
    for name in ops.__all__
    if name.endswith("_backward") and "2d" not in name and name not in OTHERS
)
LOSSES = sorted(n for n in ops.__all__ if n.endswith("cross_entropy") or n == "mse")
PROBABILITIES = {"categorical_cross_entropy", "binary_cross_entropy"}

shapes = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)
seeds = st.integers(0, 2**32 - 1)


def away_from_the_kink(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 0.01, 0.5, x)


def test_every_backward_is_checked() -> None:
    """Those of images, and batch_norm's, in files of their own."""
    source = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    for name in ops.__all__:
        if name.endswith("_backward") and name.removesuffix("_backward") not in ACTIVATIONS:
            assert f"ops.{name}(" in source


@pytest.mark.parametrize("name", ACTIVATIONS)
@settings(max_examples=10)
@given(shape=shapes, seed=seeds)
def test_activations(backend: Any, name: str, shape: tuple[int, ...], seed: int) -> None:
    f, back = getattr(ops, name), getattr(ops, f"{name}_backward")
    x = away_from_the_kink(np.random.default_rng(seed).normal(0, 2, shape))
    Checked(f, lambda dy, x: back(dy, x if name in BY_INPUT else f(x))).run(x)


@pytest.mark.parametrize("alpha", [0.0, 0.1, 2.0])
@pytest.mark.parametrize("name", ["leaky_relu", "elu"])
def test_slopes(backend: Any, name: str, alpha: float) -> None:
    f, back = getattr(ops, name), getattr(ops, f"{name}_backward")
    assert "alpha" in inspect.signature(f).parameters
    x = away_from_the_kink(np.random.default_rng(0).normal(size=(5, 7)))
    Checked(lambda x: f(x, alpha), lambda dy, x: back(dy, f(x, alpha), alpha)).run(x)


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
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.1, 0.9, shape) if name in PROBABILITIES else rng.normal(0, 2, shape)
    targets = rng.integers(0, shape[1], shape[0]) if labels else rng.uniform(0, 1, shape)

    def loss(x: Any) -> Any:
        return getattr(ops, name)(x, asarray(targets))[0]

    def backward(dy: Any, x: Any) -> Any:
        return dy * getattr(ops, name)(x, asarray(targets))[1]

    Checked(loss, backward).run(x)
