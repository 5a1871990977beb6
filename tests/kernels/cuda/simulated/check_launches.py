"""Number of kernels that a training step launches; in a small network launches take the time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel_kernels.cuda.runtime import blas, launch
from tests.fake_cupy import fake_cupy  # noqa: F401

X = np.random.default_rng(0).integers(0, 256, (4, 20)).astype(np.uint8)
Y = np.arange(4) % 3


@pytest.mark.usefixtures("fake_cupy")
@pytest.mark.parametrize(("dtype", "kernels"), [("float32", 12), ("mixed_float16", 18)])
def test_launches_of_a_step(monkeypatch: pytest.MonkeyPatch, dtype: str, kernels: int) -> None:
    """Two dense layers take five matrix products; the rest is kernels."""
    launched: list[str] = []
    run, multiply = launch.run, blas.batched_matmul

    def counted(kernel: Any, *args: Any) -> None:
        launched.append("kernel")
        run(kernel, *args)

    def counted_product(*args: Any, **how: Any) -> None:
        launched.append("product")
        multiply(*args, **how)

    with nn.use_backend("cupy"):
        model = nn.Sequential([nn.Dense(4, "relu"), nn.Dense(3, "softmax")], dtype=dtype)
        model.compile(optimizer="sgd", metrics=["accuracy"])
        model.build((20,))
        monkeypatch.setattr(launch, "run", counted)
        monkeypatch.setattr(blas, "batched_matmul", counted_product)
        model.fit(X, Y, batch_size=4, verbose=0)
    assert launched.count("product") == 5
    assert launched.count("kernel") == kernels
