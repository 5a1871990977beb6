"""One call of every kernel of layers, but those on images."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnaccel.conformance.drawing import Args, Draw, Rng, blank, normal


def _activate(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    name = rng.choice(["linear", "relu", "sigmoid", "tanh", "leaky_relu", "elu", "softplus"])
    return {
        "name": str(name),
        "alpha": 0.5,
        "x": normal(rng, (n, m), dtype),
        **blank("y", n, m, dtype),
    }


def _activate_backward(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    x, dy = normal(rng, (n, m), dtype), normal(rng, (n, m), dtype)
    return {
        "name": "tanh",
        "alpha": 0.0,
        "dy": dy,
        "x": x,
        "y": np.tanh(x),
        **blank("dx", n, m, dtype),
    }


def _pair(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    x, z = normal(rng, (n, m), dtype), normal(rng, (n, m), dtype)
    return {"x": x, "z": z, **blank("y", n, m, dtype)}


def _linear(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    k = int(rng.integers(1, 20))
    x, w, b = (normal(rng, shape, dtype) for shape in ((n, k), (k, m), (m,)))
    return {"x": x, "w": w, "b": b, "activation": "relu", "alpha": 0.0, **blank("y", n, m, dtype)}


def _linear_backward(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    k = int(rng.integers(1, 20))
    dy, x, w = (normal(rng, shape, dtype) for shape in ((n, m), (n, k), (k, m)))
    db = np.full(m, 7, dtype)
    return {
        "dy": dy,
        "x": x,
        "w": w,
        **blank("dx", n, k, dtype),
        **blank("dw", k, m, dtype),
        "db": db,
    }


def _layer_norm(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    x, gamma, beta = (normal(rng, shape, dtype) for shape in ((n, m), (m,), (m,)))
    rows = {name: np.full(n, 7, dtype) for name in ("mean", "inv_std")}
    return {
        "x": x,
        "gamma": gamma,
        "beta": beta,
        "epsilon": 1e-3,
        **rows,
        **blank("y", n, m, dtype),
    }


def _layer_norm_backward(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    dy, x = normal(rng, (n, m), dtype), normal(rng, (n, m), dtype)
    gamma, mean, inv_std = (normal(rng, size, dtype) for size in (m, n, n))
    columns = {name: np.full(m, 7, dtype) for name in ("dgamma", "dbeta")}
    arrays = {"dy": dy, "x": x, "gamma": gamma, "mean": mean, "inv_std": inv_std}
    return {**arrays, **blank("dx", n, m, dtype), **columns}


def _row_wise(name: str) -> Draw:
    def draw(rng: Rng, n: int, m: int, dtype: Any) -> Args:
        return {"x": 5 * normal(rng, (n, m), dtype), **blank("y", n, m, dtype)}

    def draw_backward(rng: Rng, n: int, m: int, dtype: Any) -> Args:
        dy, x = normal(rng, (n, m), dtype), normal(rng, (n, m), dtype)
        y = np.log(_softmax(x)) if name.startswith("log") else _softmax(x)
        return {"dy": dy, "y": y, **blank("dx", n, m, dtype)}

    return draw_backward if name.endswith("backward") else draw


def _dropout(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    key = rng.integers(0, 2**64, 1, dtype=np.uint64)
    return {
        "x": normal(rng, (n, m), dtype),
        "rate": 0.4,
        "key": key,
        "step": np.array([3]),
        "first": 5,
        **blank("y", n, m, dtype),
    }


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


LAYER_CALLS: dict[str, Draw] = {
    "activate": _activate,
    "activate_backward": _activate_backward,
    "add": _pair,
    "dropout": _dropout,
    "layer_norm": _layer_norm,
    "layer_norm_backward": _layer_norm_backward,
    "linear": _linear,
    "linear_backward": _linear_backward,
    "log_softmax": _row_wise("log_softmax"),
    "log_softmax_backward": _row_wise("log_softmax_backward"),
    "multiply": _pair,
    "softmax": _row_wise("softmax"),
    "softmax_backward": _row_wise("softmax_backward"),
}
