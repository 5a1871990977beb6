"""What tests of layers share: parameters on any backend, and gradient checks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnaccel.backends import to_numpy
from nnaccel.layers import Layer


def place(layer: Layer, backend: Any) -> None:
    """Move a layer's own parameters to a backend, as a model does."""
    for store in (layer.params, layer.grads, layer.state):
        for name, value in store.items():
            store[name] = backend.asarray(value)


def directional(
    backend: Any, layer: Layer, x: np.ndarray, **how: Any
) -> dict[str, tuple[float, float]]:
    """Analytic and numeric derivative along a random direction, for x and each parameter."""
    rng = np.random.default_rng(3)

    def value() -> float:
        return float((to_numpy(layer.forward(backend.asarray(x), **how)[0]) * dy).sum())

    y, backward = layer.forward(backend.asarray(x), **how)
    dy = rng.standard_normal(y.shape)
    dx = to_numpy(backward(backend.asarray(dy), True))
    gradients = {"x": dx, **{k: to_numpy(g).copy() for k, g in layer.grads.items()}}
    results = {}
    for name, gradient in gradients.items():
        direction = rng.standard_normal(gradient.shape)
        ends = []
        for step in (1e-6, -1e-6):
            if name == "x":
                x = x + step * direction
                ends.append(value())
                x = x - step * direction
            else:
                kept = to_numpy(layer.params[name]).copy()
                layer.params[name][...] = backend.asarray(kept + step * direction)
                ends.append(value())
                layer.params[name][...] = backend.asarray(kept)
        analytic = float((gradient * direction).sum())
        results[name] = analytic, (ends[0] - ends[1]) / 2e-6
    return results


def assert_gradients(backend: Any, layer: Layer, x: np.ndarray, **how: Any) -> None:
    for name, (analytic, numeric) in directional(backend, layer, x, **how).items():
        assert analytic == pytest.approx(numeric, rel=1e-5, abs=1e-7), name
