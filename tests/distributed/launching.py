"""Ranks of MPI as processes, which run `scripts.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from nnaccel.distributed.mpiexec import find_mpiexec

from ..processes import HANGS, ON_PATH, ROOT


def start(ranks: int, *args: object, backend: str = "numba") -> subprocess.Popen[str]:
    line = [find_mpiexec(), "-n", str(ranks), sys.executable, "-m", "tests.distributed.scripts"]
    environment = {**os.environ, **ON_PATH, "NNACCEL_BACKEND": backend}
    return subprocess.Popen(
        [*line, *map(str, args)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(ranks: int, *args: object, backend: str = "numba") -> dict[str, Any]:
    """What rank 0 reports, if all ranks report the same."""
    process = start(ranks, *args, backend=backend)
    out, err = process.communicate(timeout=HANGS)
    assert process.returncode == 0, err
    found: dict[str, Any] = json.loads(out)
    assert (found["size"], found["same"]) == (ranks, True)
    return found


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    for _ in range(20 * HANGS):
        if condition():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("nothing happens")
