"""The kernels are plain Python too: without the compiler they give the same results, slowly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
import numpy as np
import nnaccel as nn

rng = np.random.default_rng(0)
x, y = rng.integers(0, 256, (20, 3, 3), dtype=np.uint8), rng.integers(0, 3, 20)
nn.set_backend("numba")
model = nn.Sequential([nn.Dense(5, "tanh"), nn.Dropout(0.2), nn.Dense(3, "softmax")], seed=0)
model.compile(optimizer=nn.optim.Adam(clipnorm=1.0), metrics=["accuracy"])
print(*model.fit(x, y, epochs=2, batch_size=8, verbose=0).history["loss"])
"""


def losses(**environment: str) -> list[float]:
    path = os.pathsep.join(map(str, (ROOT, ROOT / "kernels")))
    env = {**os.environ, "PYTHONPATH": path, **environment}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return [float(number) for number in run.stdout.split()]


def test_training_without_the_compiler() -> None:
    assert losses(NUMBA_DISABLE_JIT="1") == pytest.approx(losses(), rel=1e-5)
