"""Training with the CUDA kernels under Numba's simulator, with steps captured and replayed.

Arrays come from the fake CuPy, so this tests kernels, counters and captured steps together; CUDA
itself needs a GPU.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.backends import _capture
from tests import fake_cupy as fake
from tests.fake_cupy import fake_cupy  # noqa: F401

from .check_kernels import _small_blocks  # noqa: F401

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (5, 5, 4)).astype(np.uint8)
Y = RNG.integers(0, 3, 5)


def perceptron() -> list[nn.Layer]:
    hidden = nn.Dense(5, "tanh", penalty=nn.L1L2(1e-3, 1e-2))
    return [hidden, nn.Dropout(0.3), nn.Dense(4, "relu"), nn.Dense(3, "softmax")]


def convolutions() -> list[nn.Layer]:
    ends = nn.Flatten(), nn.Dense(3, "softmax")
    return [nn.Conv2D(2, 3, "relu"), nn.MaxPool2D(2), nn.BatchNorm(), *ends]


#: Layers, an optimiser, a dtype, and how close the numbers are.
CASES = [
    (perceptron, nn.optim.AdamW(nn.schedules.CosineDecay(0.01, 10)), "float64", 1e-9),
    (convolutions, nn.optim.SGD(0.1, momentum=0.9, global_clipnorm=0.1), "float64", 1e-9),
    (perceptron, nn.optim.Adam(0.01), "mixed_bfloat16", 3e-2),
    (convolutions, nn.optim.SGD(0.1, nesterov=True, momentum=0.9), "mixed_float16", 5e-3),
]


@pytest.mark.filterwarnings("ignore:overflow encountered")  # as unsigned integers do
@pytest.mark.filterwarnings("ignore:invalid value encountered")  # where the loss scale is too large
@pytest.mark.usefixtures("fake_cupy")
@pytest.mark.parametrize("case", CASES)
def test_captured_steps_give_numpys_numbers(monkeypatch: pytest.MonkeyPatch, case: Any) -> None:
    assert_same_numbers(monkeypatch, *case)


def assert_same_numbers(
    monkeypatch: pytest.MonkeyPatch,
    make: Any,
    optimizer: nn.optim.Optimizer,
    dtype: str,
    tolerance: float,
) -> None:
    """Train on NumPy and on the stand-in for CuPy, and compare."""
    monkeypatch.setattr(_capture, "_MIN_RUNS", 1)
    results = []
    for name in ("numpy", "cupy"):
        with nn.use_backend(name):
            model = nn.Sequential(make(), seed=3, dtype=dtype)
            model.compile(optimizer=optimizer, metrics=["accuracy"])
            before = fake.Graph.launched
            history = model.fit(X, Y, epochs=2, batch_size=2, verbose=0).history
            results.append((model.get_weights(), history["loss"], history["accuracy"]))
    assert fake.Graph.launched - before == 2 * 2 - 1 + 2 - 1  # all but the first of each size
    for ours, theirs in zip(results[0][0], results[1][0], strict=True):
        np.testing.assert_allclose(ours, theirs, tolerance, tolerance)
    np.testing.assert_allclose(results[0][1], results[1][1], tolerance)
    np.testing.assert_array_equal(results[0][2], results[1][2])
