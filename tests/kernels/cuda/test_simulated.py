"""The CUDA kernels without a GPU: Numba's simulator runs them thread by thread."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKS = Path(__file__).parent / "simulated"


@pytest.mark.slow
def test_kernels_do_under_the_simulator_what_the_reference_does() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(CHECKS)]
    done = subprocess.run(
        [*command, "-o", "python_files=check_*.py"],
        env=os.environ | {"NUMBA_ENABLE_CUDASIM": "1"},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_importing_needs_no_driver() -> None:
    subprocess.run(
        [sys.executable, "-W", "error", "-c", "import nnaccel_kernels.cuda"],
        env=os.environ | {"NUMBA_DISABLE_CUDA": "1", "PYTHONPATH": "kernels"},
        cwd=Path(__file__).parents[3],
        check=True,
    )
