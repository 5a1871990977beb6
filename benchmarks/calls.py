"""Single calls on one thread, in CPU time: ops against PyTorch, predictions against ONNX Runtime.

The contestants take short turns in one process; a ratio is the median over turns, above 1 where
nnaccel is faster. Results agree to 1e-3 before any timing. Writes results/calls.json.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from tempfile import TemporaryDirectory
from typing import Any

import _pairs
import _results
import numpy as np

from nnaccel import layers, ops
from nnaccel.model.sequential import Sequential

Run = Callable[[], Any]
Row = tuple[str, Run, Run]
CONVOLUTIONS = {  # N, C, H, K, size, stride, groups
    "1x3x32x32-k16-3x3": (1, 3, 32, 16, 3, 1, 1),
    **{f"8x32x{h}x{h}-k32-3x3": (8, 32, h, 32, 3, 1, 1) for h in (4, 7, 14)},
    **{f"8x{c}x28x28-k8-3x3": (8, c, 28, 8, 3, 1, 1) for c in (1, 3, 8)},
    "8x64x7x7-k64-3x3": (8, 64, 7, 64, 3, 1, 1),
    "8x64x28x28-k64-1x1": (8, 64, 28, 64, 1, 1, 1),
    "8x64x28x28-k64-3x3-s2": (8, 64, 28, 64, 3, 2, 1),
    "8x64x14x14-k64-5x5": (8, 64, 14, 64, 5, 1, 1),
    "8x64x28x28-k64-3x3, 8 groups": (8, 64, 28, 64, 3, 1, 8),
    "8x64x28x28-k64-3x3, depthwise": (8, 64, 28, 64, 3, 1, 64),
    "64x1x28x28-k32-3x3": (64, 1, 28, 32, 3, 1, 1),
}


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def elementwise() -> Iterator[Row]:
    """Ops of small arrays, whose calls take longer than their work."""
    import torch
    from torch.nn import functional as f

    x, rows, w, b = draw(1, 512), draw(1, 64), draw(64, 64), draw(64)
    tx, trows, tw, tb = map(torch.from_numpy, (x, rows, w.T.copy(), b))
    yield "relu, 1x512", lambda: ops.relu(x), lambda: torch.relu(tx)
    yield (
        "linear and relu, 1x64 to 64",
        lambda: ops.linear(rows, w, b, activation="relu"),
        lambda: torch.relu(f.linear(trows, tw, tb)),
    )


def convolutions() -> Iterator[Row]:
    """Convolutions, forward and backward."""
    import torch

    for name, (n, c, h, k, size, stride, groups) in CONVOLUTIONS.items():
        x, w, b = draw(n, c, h, h), draw(k, c // groups, size, size) / 8, draw(k)
        how: dict[str, Any] = {"stride": stride, "padding": size // 2, "groups": groups}
        dy = draw(*ops.conv2d(x, w, b, **how).shape)
        tx, tw, tb, tdy = map(torch.from_numpy, (x, w, b, dy))
        rest = [stride] * 2, [size // 2] * 2, [1, 1], False, [0, 0], groups, [True] * 3

        def forward(x: Any = x, w: Any = w, b: Any = b, how: Any = how) -> Any:
            return ops.conv2d(x, w, b, **how)

        def theirs(tx: Any = tx, tw: Any = tw, tb: Any = tb, how: Any = how) -> Any:
            return torch.nn.functional.conv2d(tx, tw, tb, **how)

        def backward(dy: Any = dy, x: Any = x, w: Any = w, how: Any = how) -> Any:
            return ops.conv2d_backward(dy, x, w, **how)[0]

        def their_backward(args: Any = (tdy, tx, tw, [k], *rest)) -> Any:
            return torch.ops.aten.convolution_backward(*args)[0]

        yield f"{name}, forward", forward, theirs
        yield f"{name}, backward", backward, their_backward


def pooling() -> Iterator[Row]:
    """Max pooling of small images, forward and backward."""
    import torch

    x = draw(8, 16, 28, 28)
    tx = torch.from_numpy(x)
    for size, padding in ((2, 0), (3, 1)):
        how: dict[str, Any] = {"stride": 2, "padding": padding}
        y = ops.max_pool2d(x, size, **how)
        dy = draw(*y.shape)
        _, where = torch.nn.functional.max_pool2d_with_indices(tx, size, **how)
        args = torch.from_numpy(dy), tx, [size] * 2, [2] * 2, [padding] * 2, [1, 1], False, where

        def forward(size: int = size, how: Any = how) -> Any:
            return ops.max_pool2d(x, size, **how)

        def their_forward(size: int = size, how: Any = how) -> Any:
            return torch.nn.functional.max_pool2d_with_indices(tx, size, **how)[0]

        def backward(dy: Any = dy, y: Any = y, size: int = size, how: Any = how) -> Any:
            return ops.max_pool2d_backward(dy, x, y, size, **how)

        def their_backward(args: Any = args) -> Any:
            return torch.ops.aten.max_pool2d_with_indices_backward(*args)

        name = f"max pooling {size}x{size}/2, 8x16x28x28"
        yield f"{name}, forward", forward, their_forward
        yield f"{name}, backward", backward, their_backward
        # PyTorch's forward pass keeps indices for the other, nnaccel's nothing: both together.
        yield (
            f"{name}, both",
            lambda f=forward, b=backward: (f(), b())[1],
            lambda f=their_forward, b=their_backward: (f(), b())[1],
        )


def predictions() -> Iterator[Row]:
    """`predict` of an MLP and of a CNN, against ONNX Runtime on the same weights."""
    mlp = [layers.Dense(512, "relu"), layers.Dense(10, "softmax")]
    cnn: list[Any] = [layers.Conv2D(32, 3, "relu"), layers.MaxPool2D(2)]
    cnn += [layers.Conv2D(64, 3, "relu"), layers.MaxPool2D(2), layers.Conv2D(128, 3, "relu")]
    cnn.append(layers.Dense(10, "softmax"))
    for name, chain, shape in (("784-512-10", mlp, (784,)), ("CNN 32-64-128", cnn, (1, 28, 28))):
        model = Sequential(chain, seed=0)
        model.build(shape)
        theirs = _session(model)
        for rows in (1, 32, 256):
            x = draw(rows, *shape)
            yield (
                f"predict, {name}, {rows} row{'s' * (rows > 1)}",
                lambda model=model, x=x: model.predict(x),
                lambda theirs=theirs, x=x: theirs.run(None, {"input": x})[0],
            )


def _session(model: Sequential) -> Any:
    """Return the model as a session of ONNX Runtime on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    with TemporaryDirectory() as folder:
        path = f"{folder}/model.onnx"
        model.export(path)
        return onnxruntime.InferenceSession(path, options)


def _rows() -> Iterator[Row]:
    for part in (elementwise, convolutions, pooling, predictions):
        yield from part()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    _pairs.begin()
    import torch

    found = []
    with torch.no_grad():
        for name, ours, theirs in _rows():
            np.testing.assert_allclose(ours(), np.asarray(theirs()), rtol=1e-3, atol=1e-3)
            runs = {"nnaccel": ours, "peer": theirs}
            found.append(_pairs.race(name, runs, repeats))
    print(_results.write("calls.json", _results.provenance() | {"rows": found}))


if __name__ == "__main__":
    main()
