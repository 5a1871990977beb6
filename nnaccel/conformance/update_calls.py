"""One call of every kernel that updates parameters, or makes gradients ready for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnaccel.conformance.drawing import Args, Draw, Rng, normal
from nnaccel_kernels.segments import Segment


def _optimizer(slots: str, hyper: dict[str, float], steps: bool = False) -> Draw:
    def draw(rng: Rng, n: int, m: int, dtype: Any) -> Args:
        arrays = {name: normal(rng, n * m, dtype) for name in ("w", "g")}
        state = {name: np.abs(normal(rng, n * m, dtype)) for name in slots}
        rate = rng.choice([0.02, 0.3, np.nan])
        schedule: Args = {"rate": np.array([0.1, rate, 0.3]), "cursor": np.array([1])}
        counter = {"steps": np.array([4])} if steps else {}
        middle = n * m // 32 * 16
        parts = Segment(0, middle, 0.5), Segment(middle, n * m, 1.0, False)
        return {**arrays, **state, **hyper, "segments": parts, **schedule, **counter}

    return draw


def _flat(names: str, **others: Any) -> Draw:
    def draw(rng: Rng, n: int, m: int, dtype: Any) -> Args:
        return {**{name: normal(rng, n * m, dtype) for name in names.split()}, **others}

    return draw


def _averaged(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    args = _optimizer("", {})(rng, n, m, dtype)
    schedule = {"rate": args["rate"], "cursor": args["cursor"]}
    return {"w": args["w"], "mean": args["g"], "momentum": 0.9, **schedule}


def _accumulated(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    return {
        "g": normal(rng, n * m, dtype),
        "total": normal(rng, n * m, dtype),
        "count": 3,
        "rate": np.array([0.1, rng.choice([0.2, np.nan])]),
        "cursor": np.array([1]),
        "steps": np.array([rng.integers(6)]),
        "update_rate": np.zeros(1),
        "updates": np.array([7]),
    }


def _constrained(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    shape = int(rng.integers(1, 3)), n, 1 + m % 5, int(rng.choice([1, 9]))
    limit, non_negative = rng.choice([0.5, 2.0, np.inf]), bool(rng.integers(2))
    w = normal(rng, shape, dtype)
    return {"w": w, "max_norm": float(limit), "non_negative": non_negative}


def _overflowing(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    g = normal(rng, n * m, dtype)
    g[rng.random(n * m) < 0.1] = rng.choice([np.nan, np.inf])
    return {"g": g, "scale": np.array([1024.0, 3.0]), "overflows": np.array([7.0])}


def _adjusted(rng: Rng, *_: Any) -> Args:
    return {
        "scale": np.array([8.0, rng.integers(0, 5)]),
        "overflows": np.array([float(rng.integers(0, 2))]),
        "patience": 4,
        "limits": (float(rng.choice([1, 6])), float(rng.choice([12, 99]))),
        "rate": np.array([0.1, 0.2]),
        "cursor": np.array([1]),
    }


UPDATE_CALLS: dict[str, Draw] = {
    "accumulate": _accumulated,
    "adagrad": _optimizer("a", {"epsilon": 1e-7}),
    "adam": _optimizer(
        "mv", {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-7, "decay": 0.01}, steps=True
    ),
    "add_penalty": _flat("w dw", l1=0.1, l2=0.2),
    "adjust_scale": _adjusted,
    "clip_norm": _flat("g", limit=0.5),
    "clip_value": _flat("g", limit=0.5),
    "constrain": _constrained,
    "finish_step": lambda rng, *_: {
        "rate": np.array([0.1, rng.choice([0.1, np.nan])]),
        "cursor": np.array([1]),
        "steps": np.array([4]),
    },
    "momentum": _optimizer("m", {"mu": 0.9, "nesterov": True}),
    "moving_average": _averaged,
    "penalty": _flat("w", l1=0.1, l2=0.2, total=np.ones(1)),
    "rmsprop": _optimizer("vm", {"rho": 0.9, "mu": 0.5, "epsilon": 1e-7}),
    "scale_gradient": lambda rng, n, m, dtype: {
        "dy": normal(rng, (n, m), dtype),
        "scale": np.array([1024.0, 3.0]),
    },
    "sgd": _optimizer("", {}),
    "unscale_gradients": _overflowing,
}
