"""Kernels of activations, rows, norms and pooling beside PyTorch's: results/elementwise.json.

One thread each, CPU time of the process, in short bursts that take turns: other programs on the
machine do not spoil that. nnaccel replays a recorded call; PyTorch's operators are called without
autograd, and malloc is told to keep its memory, so that neither pays for fresh pages.
"""

from __future__ import annotations

import argparse
import ctypes
import sys
from collections.abc import Callable
from typing import Any

import _results
import numpy as np
import torch

from nnaccel import ops
from nnaccel.backends import use_backend
from nnaccel.bench.timing import take_short_turns, use_cpu_time
from nnaccel_kernels.cpu.runtime.tape import record

aten = torch.ops.aten
TURNS, BURST = 15, 0.004  # turns of each, and seconds of one
ROWS, IMAGES = [(128, 512), (1024, 1024)], [(8, 16, 28, 28), (32, 64, 14, 14)]
Pair = tuple[Callable[[], Any], Callable[[], Any]]


def activations(x: Any, dy: Any) -> dict[str, Pair]:
    """nnaccel's and PyTorch's, forward and backward."""
    t, g = torch.from_numpy(x), torch.from_numpy(dy)
    kind, found = t.dtype, {}
    backward: dict[str, Callable[[Any], Any]] = {
        "relu": lambda y: aten.threshold_backward(g, y, 0),
        "sigmoid": lambda y: aten.sigmoid_backward(g, y),
        "tanh": lambda y: aten.tanh_backward(g, y),
        "elu": lambda y: aten.elu_backward(g, 1, 1, 1, True, y),
        "softplus": lambda y: aten.softplus_backward(g, t, 1, 20),
        "gelu": lambda y: aten.gelu_backward(g, t),
        "softmax": lambda y: aten._softmax_backward_data(g, y, 1, kind),
        "log_softmax": lambda y: aten._log_softmax_backward_data(g, y, 1, kind),
    }
    for name, theirs in backward.items():
        ours, rest = getattr(ops, name), () if "max" not in name else (1,)
        y, peer = getattr(ops, name)(x), getattr(torch.nn.functional, name)
        known = x if name == "gelu" else y
        found[name] = (lambda f=ours: f(x)), (lambda f=peer, r=rest: f(t, *r))
        back, ty = getattr(ops, f"{name}_backward"), torch.from_numpy(y)
        found[f"{name} backward"] = (
            (lambda f=back, k=known: f(dy, k)),
            (lambda f=theirs, y=ty: f(y)),
        )
    return found


def norms(x: Any, dy: Any) -> dict[str, Pair]:
    """Layer normalisation of rows, or batch normalisation of images."""
    t, g, c = torch.from_numpy(x), torch.from_numpy(dy), x.shape[1]
    w, b = np.full(c, 1.5, x.dtype), np.full(c, 0.5, x.dtype)
    tw, tb = torch.from_numpy(w), torch.from_numpy(b)
    if x.ndim == 2:
        _, *of_ours = ops.layer_norm(x, w, b, epsilon=1e-5)
        of_theirs = aten.native_layer_norm(t, [c], tw, tb, 1e-5)[1:]
        return {
            "layer_norm": (
                lambda: ops.layer_norm(x, w, b, epsilon=1e-5)[0],
                lambda: aten.native_layer_norm(t, [c], tw, tb, 1e-5)[0],
            ),
            "layer_norm backward": (
                lambda: ops.layer_norm_backward(dy, x, w, *of_ours)[0],
                lambda: aten.native_layer_norm_backward(g, t, [c], *of_theirs, tw, tb, [True] * 3)[
                    0
                ],
            ),
        }
    train = {"training": True, "epsilon": 1e-5}
    running, kept = np.ones((2, c), x.dtype), torch.ones((2, c), dtype=t.dtype)
    _, *of_ours = ops.batch_norm(x, w, b, *running, **train)
    rest = tw, tb, *kept, True, 0.01, 1e-5
    of_theirs = aten.native_batch_norm(t, *rest)[1:]
    last = *kept, *of_theirs, True, 1e-5, [True] * 3
    return {
        "batch_norm": (
            lambda: ops.batch_norm(x, w, b, *running, **train)[0],
            lambda: aten.native_batch_norm(t, *rest)[0],
        ),
        "batch_norm backward": (
            lambda: ops.batch_norm_backward(dy, x, w, *of_ours, training=True)[0],
            lambda: aten.native_batch_norm_backward(g, t, tw, *last)[0],
        ),
    }


def pools(x: Any, size: int, stride: int, padding: int) -> dict[str, Pair]:
    """Max and average pooling of images."""
    t = torch.from_numpy(x)
    how, torchs = {"stride": stride, "padding": padding}, (size, stride, padding)
    y = ops.max_pool2d(x, size, **how)
    dy = like(np.random.default_rng(1).standard_normal(y.shape).astype(x.dtype), x)
    g = torch.from_numpy(dy)
    where = torch.nn.functional.max_pool2d(t, *torchs, return_indices=True)[1]
    window = [size] * 2, [stride] * 2, [padding] * 2
    return {
        "max_pool2d": (
            lambda: ops.max_pool2d(x, size, **how),
            lambda: torch.nn.functional.max_pool2d(t, *torchs),
        ),
        "max_pool2d backward": (
            lambda: ops.max_pool2d_backward(dy, x, y, size, **how),
            lambda: aten.max_pool2d_with_indices_backward(g, t, *window, [1, 1], False, where),
        ),
        "avg_pool2d": (
            lambda: ops.avg_pool2d(x, size, **how),
            lambda: torch.nn.functional.avg_pool2d(t, *torchs),
        ),
        "avg_pool2d backward": (
            lambda: ops.avg_pool2d_backward(dy, x, size, **how),
            lambda: aten.avg_pool2d_backward(g, t, *window, False, True, None),
        ),
    }


def like(a: Any, x: Any) -> Any:
    """`a` in the memory order of x."""
    if x.flags.c_contiguous:
        return a
    return np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def race(title: str, ours: Callable[[], Any], theirs: Callable[[], Any]) -> dict[str, Any]:
    """Microseconds of each, and the median over turns of their ratio."""
    with record() as tape:
        y = ours()
    tape.replay()
    want = theirs().numpy()
    np.testing.assert_allclose(y, want, rtol=1e-3, atol=1e-5, err_msg=title)
    runs = {"nnaccel": tape.replay, "torch": theirs}
    seconds = take_short_turns(runs, TURNS, seconds=BURST, pause=0)
    us = {n: round(1e6 * float(np.median(seconds[n])), 2) for n in runs}
    ratio = float(np.median(np.divide(seconds["torch"], seconds["nnaccel"])))
    print(f"{title:48} {us['nnaccel']:9.1f} {us['torch']:9.1f} us {ratio:6.2f}x", flush=True)
    return {"work": title, "us": us, "ratio": round(ratio, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="rows with this in their title; writes nothing")
    only = parser.parse_args().only
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.mallopt(-1, 1 << 30), libc.mallopt(-3, 1 << 30)  # trim and mmap thresholds
    use_cpu_time()
    torch.set_num_threads(1)
    rows, rng = [], np.random.default_rng(0)
    with use_backend("numba"):
        for dtype in (np.float32, np.float64):
            jobs: list[tuple[str, dict[str, Pair]]] = []
            for shape in ROWS:
                x, dy = rng.standard_normal((2, *shape)).astype(dtype)
                jobs += [(f"{shape[0]}x{shape[1]}", activations(x, dy) | norms(x, dy))]
            for shape in IMAGES:
                x, dy = rng.standard_normal((2, *shape)).astype(dtype)
                for order in ("", " channels-last"):
                    if order:
                        x, dy = (
                            np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
                            for a in (x, dy)
                        )
                    text = "x".join(map(str, shape)) + order
                    jobs += [(text, norms(x, dy))]
                    for window in ((2, 2, 0), (3, 2, 1)):
                        name = " {}x{}".format(*window[:1] * 2)
                        jobs += [(text + name, pools(x, *window))]
            for text, pairs in jobs:
                for name, pair in pairs.items():
                    title = f"{name} {text} {np.dtype(dtype)}"
                    if all(word in title for word in only.split()):
                        rows.append(race(title, *pair))
    if not only:
        print(_results.write("elementwise.json", _results.provenance() | {"rows": rows}))


if __name__ == "__main__":
    main()
