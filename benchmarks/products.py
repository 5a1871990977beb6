"""Matrix products on one thread against NumPy's BLAS, in CPU time: results/products.json.

Time is that of the process on its processor, so that other programs on the machine count little.
The contestants take short turns in one process; a ratio is the median over turns, above 1 where
nnaccel is faster. Kernels are replayed from a tape, as in training, and BLAS writes into the same
memory each time; "a call" is the ratio of calls from Python, each with memory of its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import _results
import numpy as np

from nnaccel.backends import use_backend
from nnaccel.bench.machine import measure_gflops
from nnaccel.bench.timing import progress, take_short_turns, use_cpu_time
from nnaccel.ops import linear, linear_backward
from nnaccel_kernels.cpu import record

SHAPES = [  # m, k, n of (m, k) @ (k, n)
    *((side, side, side) for side in (128, 256, 512, 1024, 2048)),
    *((rows, 784, 512) for rows in (1, 2, 4, 8, 32, 128, 10_000)),
    *((rows, 4096, 4096) for rows in (1, 32, 128)),
]
BURST = 0.02  # seconds of a turn

Run = Callable[[], Any]


@dataclass(frozen=True)
class Product:
    """One direction of a dense layer: what each contestant runs, and its operations."""

    flops: float
    call: Run
    blas_call: Run
    blas_in_place: Run

    def recorded(self) -> Run:
        """nnaccel's call as a training step runs it: a replay, into the same memory."""
        with record() as tape:
            results = self.call()
        return lambda: (tape.replay(), results)[1]


def products(m: int, k: int, n: int) -> dict[str, Product]:
    rng = np.random.default_rng(0)
    x, w, dy = (rng.standard_normal(s, np.float32) for s in ((m, k), (k, n), (m, n)))
    y, dx, dw, db = map(np.empty_like, (dy, x, w, dy[0]))
    flops = 2.0 * m * k * n

    def backward_in_place() -> Any:
        return np.matmul(dy, w.T, dx), np.matmul(x.T, dy, dw), dy.sum(0, out=db)

    return {
        "forward": Product(flops, lambda: linear(x, w), lambda: x @ w, lambda: np.matmul(x, w, y)),
        "backward": Product(
            2 * flops,
            lambda: linear_backward(dy, x, w),
            lambda: (dy @ w.T, x.T @ dy, dy.sum(0)),
            backward_in_place,
        ),
    }


def assert_same(ours: Any, theirs: Any) -> None:
    """Raise an AssertionError unless all results agree to 1e-5 of the largest number."""
    if not isinstance(ours, tuple):
        ours, theirs = (ours,), (theirs,)
    for got, want in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * np.abs(want).max())


def measure(product: Product, turns: int) -> dict[str, float]:
    """GFLOP/s in the best turns, and median ratios of a turn."""
    runs = {
        "recorded": product.recorded(),
        "blas_in_place": product.blas_in_place,
        "call": product.call,
        "blas_call": product.blas_call,
    }
    want = runs["blas_in_place"]()
    for run in runs.values():
        assert_same(run(), want)
    taken = take_short_turns(runs, turns, seconds=BURST, pause=0)
    seconds = np.array([*taken.values()]).T
    best = seconds.min(axis=0)
    return {
        "gflops": product.flops / best[0] / 1e9,
        "blas_gflops": product.flops / best[1] / 1e9,
        "ratio": float(np.median(seconds[:, 1] / seconds[:, 0])),
        "call_us": best[2] * 1e6,
        "blas_call_us": best[3] * 1e6,
        "call_ratio": float(np.median(seconds[:, 3] / seconds[:, 2])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=15)
    options = parser.parse_args()
    peak, rows = measure_gflops(1), []
    print(f"{'GFLOP/s':>28}{'nnaccel':>9}{'BLAS':>7}{'ratio':>7}{'of peak':>9}{'a call':>8}")
    use_cpu_time()
    with use_backend("numba"):
        for m, k, n in SHAPES:
            for direction, product in products(m, k, n).items():
                progress(f"{m}x{k} @ {k}x{n}, {direction}")
                row = measure(product, options.turns)
                progress("")
                rows.append({"m": m, "k": k, "n": n, "direction": direction} | row)
                print(
                    f"{f'{m}x{k} @ {k}x{n}':19}{direction:>9}{row['gflops']:9.1f}"
                    f"{row['blas_gflops']:7.1f}{row['ratio']:7.2f}{row['gflops'] / peak:9.0%}"
                    f"{row['call_ratio']:8.2f}",
                    flush=True,
                )
    about = {"threads": 1, "time_is": "CPU time of the process", "peak_gflops": peak}
    print(_results.write("products.json", _results.provenance() | about | {"products": rows}))


if __name__ == "__main__":
    main()
