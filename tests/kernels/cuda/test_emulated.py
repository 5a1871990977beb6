"""The compiled CUDA kernels without a GPU: the emulator executes their PTX."""

from __future__ import annotations

from pathlib import Path

import pytest

from ...processes import python
from .emulator.machine import COMPILER
from .wheels import LIBNVVM, WITHOUT_LIBNVVM

CHECKS = sorted((Path(__file__).parent / "emulated").glob("check_*.py"))
PARTS = 4  # processes, since one would keep a core busy when all others are done


@pytest.mark.slow
@pytest.mark.skipif(not LIBNVVM, reason=WITHOUT_LIBNVVM)
@pytest.mark.skipif(COMPILER is None, reason="needs a C compiler: cc, or CC")
@pytest.mark.parametrize("part", range(1, PARTS + 1))
def test_compiled_kernels_do_what_the_reference_does(part: int) -> None:
    command = "-m", "pytest", "-q", "-p", "no:cacheprovider", "--part", f"{part}/{PARTS}", *CHECKS
    done = python(*command)
    assert done.returncode == 0, done.stdout + done.stderr
