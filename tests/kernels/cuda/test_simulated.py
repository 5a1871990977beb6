"""The CUDA kernels without a GPU: Numba's simulator runs them thread by thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ...processes import Done, python

CHECKS = Path(__file__).parent / "simulated"


@pytest.mark.slow
def test_simulated_kernels_agree_with_the_reference() -> None:
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(simulated, sorted(CHECKS.glob("check_*.py"))))
    assert results
    for done in results:
        assert done.returncode == 0, done.stdout + done.stderr


def simulated(checks: Path) -> Done:
    """Run a file of checks in a process of its own."""
    command = "-m", "pytest", "-q", "-p", "no:cacheprovider", checks
    return python(*command, NUMBA_ENABLE_CUDASIM="1")


def test_importing_needs_no_driver() -> None:
    done = python("-W", "error", "-c", "import nnaccel_kernels.cuda", NUMBA_DISABLE_CUDA="1")
    assert done.returncode == 0, done.stderr
