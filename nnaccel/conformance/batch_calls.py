"""One call of every kernel that gathers batches, or scores the outputs for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnaccel.conformance.drawing import Args, Draw, Rng, blank, normal, one_hot
from nnaccel_kernels.augmentation import Augmentation


def _batch(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    rows = 2 * n + 3
    data = rng.integers(0, 256, (rows, m)).astype(np.uint8)
    order, cursor = rng.permutation(rows), np.array([1])
    place = {"order": order, "cursor": cursor, "batch_size": n}
    return {"data": data, **place, "scale": 1 / 255, **blank("out", n, m, dtype)}


def _labels(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    args, pixels = _batch(rng, n, m, dtype), n % 3  # 0: a label for each row
    rows = len(args.pop("data"))
    labels = rng.integers(0, m, (rows, pixels) if pixels else rows)
    if pixels:
        labels = labels.astype(np.min_scalar_type(m))
    del args["scale"]
    return {"labels": labels, **args, **blank("out", n * max(1, pixels), m, dtype)}


def _augment(rng: Rng, n: int, m: int, dtype: Any) -> Args:
    n = min(n, 5)
    shape = n, 1 + int(rng.integers(3)), 3 + m % 8, 2 + m % 7
    changed = Augmentation(1.5, 0.5, 0.2, *(float(rng.choice([0, 1.2])), 3.0), 0.5, 1, 2)
    return {
        "x": normal(rng, shape, dtype),
        "order": rng.permutation(3 * n),
        "cursor": np.array([2]),
        "batch_size": n,
        "key": rng.integers(0, 2**64, 1, dtype=np.uint64),
        "epoch": np.array([7]),
        "settings": changed,
        "y": np.full(shape, 7, dtype),
    }


def _loss(outputs: str, gradient: str, kind: str) -> Draw:
    def draw(rng: Rng, n: int, m: int, dtype: Any) -> Args:
        x = normal(rng, (n, m), dtype)
        if kind == "probabilities":
            x = np.asarray(rng.uniform(0.01, 0.99, (n, m)), dtype)
        targets = one_hot(rng, n, m, dtype)
        return {
            outputs: x,
            "targets": targets,
            "losses": np.full(n, 7, dtype),
            **blank(gradient, n, m, dtype),
        }

    return draw


def _hits(**others: Any) -> Draw:
    def draw(rng: Rng, n: int, m: int, dtype: Any) -> Args:
        targets = one_hot(rng, n, m, dtype)
        return {
            "outputs": normal(rng, (n, m), dtype),
            "targets": targets,
            **others,
            "hits": np.ones(1),
        }

    return draw


BATCH_CALLS: dict[str, Draw] = {
    "add_sum": lambda rng, n, m, dtype: {"values": normal(rng, n, dtype), "total": np.ones(1)},
    "advance": lambda *_: {"counter": np.array([41])},
    "augment": _augment,
    "binary_cross_entropy": _loss("p", "dp", "probabilities"),
    "categorical_cross_entropy": _loss("p", "dp", "probabilities"),
    "count_binary_hits": _hits(threshold=0.5),
    "count_category_hits": _hits(),
    "gather_one_hot": _labels,
    "gather_rows": _batch,
    "largest_magnitude": lambda rng, n, m, dtype: {
        "x": normal(rng, n + 1, dtype),
        "largest": np.zeros(1, dtype),
    },
    "mse": _loss("y", "dy", "any"),
    "sigmoid_cross_entropy": _loss("logits", "dlogits", "any"),
    "smooth_targets": lambda rng, n, m, dtype: {
        "targets": one_hot(rng, n, m, dtype),
        "share": 0.1,
        "even": 1 / m,
        **blank("smoothed", n, m, dtype),
    },
    "softmax_cross_entropy": _loss("logits", "dlogits", "any"),
    "weigh": lambda rng, n, m, dtype: {
        "weights": normal(rng, n, dtype),
        "losses": normal(rng, n, dtype),
        "gradient": normal(rng, (n, m), dtype),
    },
}
