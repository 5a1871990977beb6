"""The CUDA kernels without a GPU: Numba's simulator runs them thread by thread."""

from __future__ import annotations

from pathlib import Path

import pytest

from ...processes import python

CHECKS = sorted((Path(__file__).parent / "simulated").glob("check_*.py"))
PARTS = 4  # processes, since one would keep a core busy when all others are done


@pytest.mark.slow
@pytest.mark.parametrize("part", range(1, PARTS + 1))
def test_kernels_do_under_the_simulator_what_the_reference_does(part: int) -> None:
    command = "-m", "pytest", "-q", "-p", "no:cacheprovider", "--part", f"{part}/{PARTS}", *CHECKS
    done = python(*command, NUMBA_ENABLE_CUDASIM="1")
    assert done.returncode == 0, done.stdout + done.stderr


def test_importing_needs_no_driver() -> None:
    done = python("-W", "error", "-c", "import nnaccel_kernels.cuda", NUMBA_DISABLE_CUDA="1")
    assert done.returncode == 0, done.stderr
