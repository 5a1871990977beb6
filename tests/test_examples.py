"""The examples run, on small settings, as someone would start them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("script", "epochs", "least"), [("mnist_sigmoid", 3, 0.85), ("mnist_best", 40, 0.9)]
)
def test_example_learns_the_digits(script: str, epochs: int, least: float) -> None:
    path = os.pathsep.join(map(str, (ROOT, ROOT / "kernels")))
    run = subprocess.run(
        [sys.executable, f"examples/{script}.py", "--data", "digits", "--epochs", str(epochs)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    last = run.stdout.splitlines()[-1]
    accuracy = float(last.partition("accuracy ")[2].partition("%")[0]) / 100
    assert accuracy >= least, last
