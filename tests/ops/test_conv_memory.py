"""What a convolution takes besides its input and output is bounded, whatever the shape."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnaccel import ops
from nnaccel.backends import use_backend

SHAPES = {
    "3x3": ((8, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}),
    "7x7 of stride 2": ((4, 3, 224, 224), (64, 3, 7, 7), {"stride": 2, "padding": 3}),
    "1x1": ((8, 64, 56, 56), (256, 64, 1, 1), {}),
    "5x5": ((64, 20, 12, 12), (50, 20, 5, 5), {}),
    "depthwise": ((6, 64, 56, 56), (64, 1, 3, 3), {"padding": 1, "groups": 64}),
}


def bytes_taken(run: Callable[[], Any]) -> int:
    """Most bytes in use at once during a call, in a thread that has no scratch memory yet."""
    peaks = []

    def measured() -> None:
        tracemalloc.start()
        try:
            run()
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()

    thread = threading.Thread(target=measured)
    thread.start()
    thread.join()
    return peaks[0]


@pytest.mark.parametrize("name", ["numpy", "numba"])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_workspace_is_bounded(name: str, channels_last: bool, shape: str) -> None:
    x_shape, w_shape, how = SHAPES[shape]
    rng = np.random.default_rng(0)

    def image(size: tuple[int, ...]) -> Any:
        n, c, h, w = size
        if channels_last:
            return rng.random((n, h, w, c), np.float32).transpose(0, 3, 1, 2)
        return rng.random(size, np.float32)

    x, w = image(x_shape), rng.random(w_shape, np.float32)
    with use_backend(name):
        y = ops.conv2d(x, w, **how)  # compiles what has to be compiled
        dy = image(y.shape)
        grads = ops.conv2d_backward(dy, x, w, **how)

    def forward() -> None:
        with use_backend(name):
            ops.conv2d(x, w, **how)

    def backward() -> None:
        with use_backend(name):
            ops.conv2d_backward(dy, x, w, **how)

    bound = max(16 << 20, (x.nbytes + y.nbytes) // 10)
    slack = 1 << 20  # Python's own objects
    assert bytes_taken(forward) - y.nbytes < bound + slack
    assert bytes_taken(backward) - sum(a.nbytes for a in grads) < bound + slack


def test_the_measure_sees_temporary_arrays() -> None:
    assert bytes_taken(lambda: np.ones(5 << 20, np.uint8).sum()) > 5 << 20
