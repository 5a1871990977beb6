"""Batch normalisation by the rows of all ranks: that of all rows on one, and its derivatives."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.backends import Backend

from .threads import Group

SHAPES = pytest.mark.parametrize("shape", [(6, 3), (6, 3, 4, 5)], ids=["rows", "images"])
SHARES = slice(4), slice(4, 6), slice(6, 6)  # of three ranks, the last of which has no rows


def draw(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(3, 2, shape), rng.normal(size=shape)


def built(backend: Backend, momentum: float, shape: tuple[int, ...], dtype: str) -> nn.BatchNorm:
    """Return a layer whose arrays are the backend's."""
    layer = nn.BatchNorm(momentum, synchronized=True)
    layer.build(shape, dtype=np.dtype(dtype))
    for arrays in (layer.params, layer.grads, layer.state):
        arrays.update({name: backend.asarray(a) for name, a in arrays.items()})
    return layer


def run(backend: str, x: np.ndarray, dy: np.ndarray, comm: Any = None) -> dict[str, np.ndarray]:
    """Forward and backward of a layer, on this rank's rows."""
    own = slice(None) if comm is None else SHARES[comm.rank]
    with nn.use_backend(backend) as chosen:
        layer = built(chosen, 0.5, x.shape[1:], "float64")
        layer.params["gamma"][...] = chosen.asarray(np.array([0.5, 2.0, -1.0]))
        if comm is not None:
            layer.sum_over_ranks = partial(comm.all_reduce, chosen)
        y, backward = layer.forward(chosen.asarray(x[own]), training=True)
        dx = backward(chosen.asarray(dy[own]), True)
        found = {"y": y, "dx": dx, **layer.grads, **layer.state}
        return {name: nn.to_numpy(a).copy() for name, a in found.items()}


@SHAPES
def test_ranks_do_what_one_does(backend: Any, shape: tuple[int, ...]) -> None:
    x, dy = draw(shape)
    wanted = run(backend.name, x, dy)
    found = Group(3, 3).run(lambda comm: run(backend.name, x, dy, comm))
    for name in ("y", "dx"):
        together = np.concatenate([rank[name] for rank in found])
        np.testing.assert_allclose(together, wanted[name], rtol=1e-9, atol=1e-12)
    for name in ("gamma", "beta"):  # each rank's part: they are summed with all other gradients
        total = sum(rank[name] for rank in found)
        np.testing.assert_allclose(total, wanted[name], rtol=1e-9, atol=1e-12)
    for name in ("running_mean", "running_var"):
        for rank in found:
            np.testing.assert_allclose(rank[name], wanted[name], rtol=1e-12)


@SHAPES
def test_gradients_are_the_derivatives(backend: Any, shape: tuple[int, ...]) -> None:
    x, dy = draw(shape)
    along, h = np.random.default_rng(1).normal(size=shape), 1e-5

    def total(x: np.ndarray) -> float:
        found = Group(3, 3).run(lambda comm: run(backend.name, x, dy, comm))
        return float((dy * np.concatenate([rank["y"] for rank in found])).sum())

    found = Group(3, 3).run(lambda comm: run(backend.name, x, dy, comm))
    dx = np.concatenate([rank["dx"] for rank in found])
    numeric = (total(x + h * along) - total(x - h * along)) / (2 * h)
    assert (dx * along).sum() == pytest.approx(numeric, rel=1e-6)


def test_a_mean_far_from_the_running_one_leaves_the_variance_its_digits(backend: Any) -> None:
    x = np.random.default_rng(0).normal(1e4, 1, (256, 3)).astype(np.float32)

    def variance(comm: Any) -> np.ndarray:
        with nn.use_backend(backend.name) as chosen:
            layer = built(chosen, 0.0, (3,), "float32")
            layer.sum_over_ranks = partial(comm.all_reduce, chosen)
            layer.forward(chosen.asarray(np.split(x, 2)[comm.rank]), training=True)
            return nn.to_numpy(layer.state["running_var"]).copy()

    for found in Group(2, 2).run(variance):
        np.testing.assert_allclose(found, x.astype(np.float64).var(axis=0), rtol=1e-3)
