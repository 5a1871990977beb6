"""The CUDA kernels without a GPU: Numba's simulator runs them thread by thread."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

CHECKS = Path(__file__).parent / "simulated"


@pytest.mark.slow
def test_simulated_kernels_agree_with_the_reference() -> None:
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(simulated, sorted(CHECKS.glob("check_*.py"))))
    assert results
    for done in results:
        assert done.returncode == 0, done.stdout + done.stderr


def simulated(checks: Path) -> subprocess.CompletedProcess[str]:
    """Run a file of checks in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(checks)],
        env=os.environ | {"NUMBA_ENABLE_CUDASIM": "1"},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )


def test_importing_needs_no_driver() -> None:
    subprocess.run(
        [sys.executable, "-W", "error", "-c", "import nnaccel_kernels.cuda"],
        env=os.environ | {"NUMBA_DISABLE_CUDA": "1", "PYTHONPATH": "kernels"},
        cwd=Path(__file__).parents[3],
        check=True,
    )
