"""Layer normalisation as a layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.backends import to_numpy

from .checks import assert_gradients, place


@pytest.mark.parametrize("shape", [(7,), (3, 4, 5)])
def test_gradients(backend: Any, shape: tuple[int, ...]) -> None:
    layer = nn.LayerNorm(0.01)
    layer.build(shape, seed=0, dtype=np.float64)
    rng = np.random.default_rng(0)
    for array in layer.params.values():
        array[...] = rng.normal(size=shape)
    place(layer, backend)
    assert {name: a.shape for name, a in layer.params.items()} == {"gamma": shape, "beta": shape}
    assert_gradients(backend, layer, rng.normal(size=(4, *shape)))


def test_images_of_either_memory_order_are_taken(backend: Any) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    layer = nn.LayerNorm()
    layer.build(x.shape[1:])
    place(layer, backend)
    ours, theirs = (to_numpy(layer.forward(backend.asarray(a))[0]) for a in (x, last))
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(ours.reshape(2, -1).mean(axis=1), 0, atol=1e-6)


def test_it_trains_alike_everywhere(backend: Any) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 8)).astype("float32"), rng.integers(3, size=60)

    def run() -> list[float]:
        layers = [nn.Dense(16, "tanh"), nn.LayerNorm(), nn.Dense(3, "softmax")]
        model = nn.Sequential(layers, seed=0)
        model.compile(optimizer="adam")
        history = model.fit(x, y, epochs=3, batch_size=8, verbose=0).history["loss"]
        assert {step.op for step in nn.explain(model)} == {"linear", "layer_norm", "Adam"}
        return history

    ours = run()
    with nn.use_backend("numpy"):
        np.testing.assert_allclose(ours, run(), rtol=1e-4)


def test_epsilon_is_above_0() -> None:
    with pytest.raises(ValueError, match="epsilon=0 must be above 0"):
        nn.LayerNorm(0)
