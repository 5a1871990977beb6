"""One call of every kernel: arguments drawn for any shape, so that backends can be compared.

Arguments are NumPy arrays; `run` moves them to a backend, calls, and brings all arrays back.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from nnaccel.backends import Backend, to_numpy
from nnaccel_kernels.augmentation import Augmentation
from nnaccel_kernels.half import is_half
from nnaccel_kernels.segments import Segment

from .image_calls import IMAGE_CALLS

HOST = {"key"}  # stays on the host on every backend
#: Dtypes of 16 bits; NumPy has bfloat16 where ml_dtypes is installed.
HALVES = [np.dtype(np.float16)]
with suppress(ImportError):
    from ml_dtypes import bfloat16

    HALVES.append(np.dtype(bfloat16))

#: Distance from 1 to the next number of a dtype; NumPy does not know bfloat16's.
_EPSILON = {"bfloat16": 2**-7, "float16": 2**-10, "float32": 2**-23, "float64": 2**-52}
_ACTIVATIONS = {"x", "z", "y", "dy", "dx", "cols"}  # what mixed precision keeps in 16 bits

Rng = np.random.Generator
Args = dict[str, Any]


def run(backend: Backend, function: str, args: Args) -> dict[str, np.ndarray]:
    """Call a kernel on copies of the arguments; what all arrays hold afterwards."""
    moved = move(backend, args)
    getattr(backend.kernels, function)(**moved)
    return {k: to_numpy(v) for k, v in moved.items() if hasattr(v, "dtype")}


def move(backend: Backend, args: Args) -> Args:
    """Copies of the arguments, in their memory order, where the kernels of `backend` want them."""
    return {
        name: value
        if not isinstance(value, np.ndarray)
        else value.copy("K")
        if name in HOST
        else backend.asarray(value.copy("K"))
        for name, value in args.items()
    }


def assert_same(got: dict[str, np.ndarray], want: dict[str, np.ndarray], dtype: Any) -> None:
    """Equal but for the rounding of sums of a few hundred terms of about 1."""
    dtype = np.dtype(dtype)
    tolerance = 200 * _EPSILON[dtype.name]
    if is_half(dtype):  # of a few numbers, since sums are taken in float32
        tolerance /= 25
        got, want = ({k: np.asarray(a, float) for k, a in d.items()} for d in (got, want))
    for name, array in want.items():
        np.testing.assert_allclose(got[name], array, tolerance, tolerance, err_msg=name)


def halved(args: Args, dtype: Any) -> Args:
    """The arguments with activations, and their gradients, of 16 bits."""
    return {
        name: value.astype(dtype)
        if name in _ACTIVATIONS and isinstance(value, np.ndarray)
        else value
        for name, value in args.items()
    }


def _normal(rng: Rng, shape: int | tuple[int, ...], dtype: Any) -> np.ndarray:
    return np.asarray(rng.standard_normal(shape), dtype)


def _one_hot(rng: Rng, n: int, m: int, dtype: Any) -> np.ndarray:
    return np.eye(m, dtype=dtype)[rng.integers(0, m, n)]


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def _activate(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    name = rng.choice(["linear", "relu", "sigmoid", "tanh", "leaky_relu", "elu", "softplus"])
    return {
        "name": str(name),
        "alpha": 0.5,
        "x": _normal(rng, (n, m), dtype),
        **_like("y", n, m, dtype),
    }


def _activate_backward(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    x, dy = _normal(rng, (n, m), dtype), _normal(rng, (n, m), dtype)
    return {
        "name": "tanh",
        "alpha": 0.0,
        "dy": dy,
        "x": x,
        "y": np.tanh(x),
        **_like("dx", n, m, dtype),
    }


def _pair(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    x, z = _normal(rng, (n, m), dtype), _normal(rng, (n, m), dtype)
    return {"x": x, "z": z, **_like("y", n, m, dtype)}


def _like(name: str, n: int, m: int, dtype: Any) -> Args:
    return {name: np.full((n, m), 7, dtype)}


def _linear(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    k = int(rng.integers(1, 20))
    x, w, b = (_normal(rng, shape, dtype) for shape in ((n, k), (k, m), (m,)))
    return {"x": x, "w": w, "b": b, "activation": "relu", "alpha": 0.0, **_like("y", n, m, dtype)}


def _linear_backward(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    k = int(rng.integers(1, 20))
    dy, x, w = (_normal(rng, shape, dtype) for shape in ((n, m), (n, k), (k, m)))
    db = np.full(m, 7, dtype)
    return {
        "dy": dy,
        "x": x,
        "w": w,
        **_like("dx", n, k, dtype),
        **_like("dw", k, m, dtype),
        "db": db,
    }


def _layer_norm(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    x, gamma, beta = (_normal(rng, shape, dtype) for shape in ((n, m), (m,), (m,)))
    rows = {name: np.full(n, 7, dtype) for name in ("mean", "inv_std")}
    return {
        "x": x,
        "gamma": gamma,
        "beta": beta,
        "epsilon": 1e-3,
        **rows,
        **_like("y", n, m, dtype),
    }


def _layer_norm_backward(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    dy, x = _normal(rng, (n, m), dtype), _normal(rng, (n, m), dtype)
    gamma, mean, inv_std = (_normal(rng, size, dtype) for size in (m, n, n))
    columns = {name: np.full(m, 7, dtype) for name in ("dgamma", "dbeta")}
    arrays = {"dy": dy, "x": x, "gamma": gamma, "mean": mean, "inv_std": inv_std}
    return {**arrays, **_like("dx", n, m, dtype), **columns}


def _row_wise(name: str) -> Callable[..., Args]:
    def draw(rng: Rng, n: int, m: int, dtype: Any) -> Args:
        return {"x": 5 * _normal(rng, (n, m), dtype), **_like("y", n, m, dtype)}

    def draw_backward(rng: Rng, n: int, m: int, dtype: Any) -> Args:
        dy, x = _normal(rng, (n, m), dtype), _normal(rng, (n, m), dtype)
        y = np.log(_softmax(x)) if name.startswith("log") else _softmax(x)
        return {"dy": dy, "y": y, **_like("dx", n, m, dtype)}

    return draw_backward if name.endswith("backward") else draw


def _loss(outputs: str, gradient: str, kind: str) -> Callable[..., Args]:
    def draw(rng: Rng, n: int, m: int, dtype: Any) -> Args:
        x = _normal(rng, (n, m), dtype)
        if kind == "probabilities":
            x = np.asarray(rng.uniform(0.01, 0.99, (n, m)), dtype)
        targets = _one_hot(rng, n, m, dtype)
        return {
            outputs: x,
            "targets": targets,
            "losses": np.full(n, 7, dtype),
            **_like(gradient, n, m, dtype),
        }

    return draw


def _batch(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    rows = 2 * n + 3
    data = rng.integers(0, 256, (rows, m)).astype(np.uint8)
    order, cursor = rng.permutation(rows), np.array([1])
    place = {"order": order, "cursor": cursor, "batch_size": n}
    return {"data": data, **place, "scale": 1 / 255, **_like("out", n, m, dtype)}


def _labels(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    args, pixels = _batch(rng, n, m, dtype), n % 3  # 0: a label for each row
    rows = len(args.pop("data"))
    labels = rng.integers(0, m, (rows, pixels) if pixels else rows)
    if pixels:
        labels = labels.astype(np.min_scalar_type(m))
    del args["scale"]
    return {"labels": labels, **args, **_like("out", n * max(1, pixels), m, dtype)}


def _optimizer(slots: str, hyper: dict[str, float], steps: bool = False) -> Callable[..., Args]:
    def draw(rng: Rng, n: int, m: int, dtype: Any) -> Args:
        arrays = {name: _normal(rng, n * m, dtype) for name in ("w", "g")}
        state = {name: np.abs(_normal(rng, n * m, dtype)) for name in slots}
        rate = rng.choice([0.02, 0.3, np.nan])
        schedule: Args = {"rate": np.array([0.1, rate, 0.3]), "cursor": np.array([1])}
        counter = {"steps": np.array([4])} if steps else {}
        middle = n * m // 32 * 16
        parts = Segment(0, middle, 0.5), Segment(middle, n * m, 1.0, False)
        return {**arrays, **state, **hyper, "segments": parts, **schedule, **counter}

    return draw


def _flat(names: str, **others: Any) -> Callable[..., Args]:
    def draw(rng: Rng, n: int, m: int, dtype: Any) -> Args:
        return {**{name: _normal(rng, n * m, dtype) for name in names.split()}, **others}

    return draw


def _dropout(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    key = rng.integers(0, 2**64, 1, dtype=np.uint64)
    return {
        "x": _normal(rng, (n, m), dtype),
        "rate": 0.4,
        "key": key,
        "step": np.array([3]),
        "first": 5,
        **_like("y", n, m, dtype),
    }


def _augment(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    n = min(n, 5)
    shape = n, 1 + int(rng.integers(3)), 3 + m % 8, 2 + m % 7
    changed = Augmentation(1.5, 0.5, 0.2, *(float(rng.choice([0, 1.2])), 3.0), 0.5, 1, 2)
    return {
        "x": _normal(rng, shape, dtype),
        "order": rng.permutation(3 * n),
        "cursor": np.array([2]),
        "batch_size": n,
        "key": rng.integers(0, 2**64, 1, dtype=np.uint64),
        "epoch": np.array([7]),
        "settings": changed,
        "y": np.full(shape, 7, dtype),
    }


def _averaged(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    args = _optimizer("", {})(rng, n, m, dtype)
    schedule = {"rate": args["rate"], "cursor": args["cursor"]}
    return {"w": args["w"], "mean": args["g"], "momentum": 0.9, **schedule}


def _accumulated(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    return {
        "g": _normal(rng, n * m, dtype),
        "total": _normal(rng, n * m, dtype),
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
    w = _normal(rng, shape, dtype)
    return {"w": w, "max_norm": float(limit), "non_negative": non_negative}


def _overflowing(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    g = _normal(rng, n * m, dtype)
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


def _hits(**others: Any) -> Callable[..., Args]:
    def draw(rng: Rng, n: int, m: int, dtype: Any) -> Args:
        targets = _one_hot(rng, n, m, dtype)
        return {
            "outputs": _normal(rng, (n, m), dtype),
            "targets": targets,
            **others,
            "hits": np.ones(1),
        }

    return draw


CALLS: dict[str, Callable[..., Args]] = {
    **IMAGE_CALLS,
    "accumulate": _accumulated,
    "activate": _activate,
    "activate_backward": _activate_backward,
    "add": _pair,
    "adagrad": _optimizer("a", {"epsilon": 1e-7}),
    "adam": _optimizer(
        "mv", {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-7, "decay": 0.01}, steps=True
    ),
    "add_penalty": _flat("w dw", l1=0.1, l2=0.2),
    "augment": _augment,
    "add_sum": lambda rng, n, m, dtype: {"values": _normal(rng, n, dtype), "total": np.ones(1)},
    "adjust_scale": _adjusted,
    "advance": lambda *_: {"counter": np.array([41])},
    "binary_cross_entropy": _loss("p", "dp", "probabilities"),
    "categorical_cross_entropy": _loss("p", "dp", "probabilities"),
    "clip_norm": _flat("g", limit=0.5),
    "clip_value": _flat("g", limit=0.5),
    "constrain": _constrained,
    "count_binary_hits": _hits(threshold=0.5),
    "count_category_hits": _hits(),
    "dropout": _dropout,
    "finish_step": lambda rng, *_: {
        "rate": np.array([0.1, rng.choice([0.1, np.nan])]),
        "cursor": np.array([1]),
        "steps": np.array([4]),
    },
    "gather_one_hot": _labels,
    "gather_rows": _batch,
    "largest_magnitude": lambda rng, n, m, dtype: {
        "x": _normal(rng, n + 1, dtype),
        "largest": np.zeros(1, dtype),
    },
    "linear": _linear,
    "layer_norm": _layer_norm,
    "layer_norm_backward": _layer_norm_backward,
    "linear_backward": _linear_backward,
    "log_softmax": _row_wise("log_softmax"),
    "log_softmax_backward": _row_wise("log_softmax_backward"),
    "multiply": _pair,
    "moving_average": _averaged,
    "momentum": _optimizer("m", {"mu": 0.9, "nesterov": True}),
    "mse": _loss("y", "dy", "any"),
    "penalty": _flat("w", l1=0.1, l2=0.2, total=np.ones(1)),
    "rmsprop": _optimizer("vm", {"rho": 0.9, "mu": 0.5, "epsilon": 1e-7}),
    "scale_gradient": lambda rng, n, m, dtype: {
        "dy": _normal(rng, (n, m), dtype),
        "scale": np.array([1024.0, 3.0]),
    },
    "sgd": _optimizer("", {}),
    "sigmoid_cross_entropy": _loss("logits", "dlogits", "any"),
    "smooth_targets": lambda rng, n, m, dtype: {
        "targets": _one_hot(rng, n, m, dtype),
        "share": 0.1,
        "even": 1 / m,
        **_like("smoothed", n, m, dtype),
    },
    "softmax": _row_wise("softmax"),
    "softmax_backward": _row_wise("softmax_backward"),
    "softmax_cross_entropy": _loss("logits", "dlogits", "any"),
    "unscale_gradients": _overflowing,
    "weigh": lambda rng, n, m, dtype: {
        "weights": _normal(rng, n, dtype),
        "losses": _normal(rng, n, dtype),
        "gradient": _normal(rng, (n, m), dtype),
    },
}
