"""The conformance kit passes what is sound, and finds what is not."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ..processes import python
from .packages import install

PLAIN = """
import numpy as np
from nnaccel.backends import Backend, BackendInfo
from nnaccel_kernels.lookup import Kernels
from nnaccel_kernels.reference import kernels as plain

def probe(device):
    return BackendInfo("tried", True, device="here")

def make(device):
    return Backend("tried", np, "here", plain)
"""

FAULTS = {
    "a gradient without its last row": (
        """
def linear_backward(dy, x, w, dx, dw, db):
    plain.linear_backward(dy[:-1], x[:-1], w, dx if dx is None else dx[:-1], dw, db)

def make(device):
    return Backend("tried", np, "here", Kernels({"linear_backward": linear_backward}).above(plain))
""",
        "test_it_gives_what_the_plain_one_gives[float32-linear_backward]",
    ),
    "a record that runs": (
        """
def record(step):
    step()
    return lambda repeats: [step() for _ in range(repeats)]

def make(device):
    return Backend("tried", np, "here", plain, record=record)
""",
        "test_a_recorded_step_is_repeated",
    ),
    "arrays in another precision": (
        """
def make(device):
    convert = lambda x, dtype=None: np.asarray(np.asarray(x, np.float32), dtype)
    return Backend("tried", np, "here", plain, convert=convert)
""",
        "test_arrays_go_there_and_back[shape0-float64]",
    ),
    "dropout of another seed": (
        """
def dropout(x, rate, key, step, first, y):
    plain.dropout(x, rate, key + 1, step, first, y)

def make(device):
    return Backend("tried", np, "here", Kernels({"dropout": dropout}).above(plain))
""",
        "test_every_optimizer[sgd-float32]",
    ),
}


def failures(folder: Path, source: str, *options: str) -> list[str]:
    """Run the kit on a package's backend; the names of the tests that failed."""
    (folder / "tried_backend.py").write_text(source)
    install(folder, "tried-package", {"tried": "tried_backend"})
    path = os.pathsep.join([str(folder), *filter(None, sys.path)])
    settings = ["--pyargs", "nnaccel.conformance", "-q", "-p", "no:cacheprovider", "-rf"]
    done = python(
        "-m", "pytest", *settings, *options, env={"NNACCEL_BACKEND": "tried", "PYTHONPATH": path}
    )
    assert " passed" in done.stdout or " failed" in done.stdout, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    return [line.split("::")[1].split(" - ")[0] for line in lines]


@pytest.mark.slow
def test_plain_kernels_pass(tmp_path: Path) -> None:
    assert failures(tmp_path, PLAIN, "-k", "facts or (float32 and (linear or sgd or images))") == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault: str, tmp_path: Path) -> None:
    source, test = FAULTS[fault]
    found = failures(tmp_path, PLAIN + source, "-k", test.partition("[")[0])
    assert test in found


@pytest.mark.slow
def test_a_backend_that_is_not_there_is_told_once() -> None:
    arguments = "-m", "pytest", "--pyargs", "nnaccel.conformance", "-p", "no:cacheprovider"
    path = os.pathsep.join(filter(None, sys.path))
    done = python(*arguments, env={"NNACCEL_BACKEND": "nump", "PYTHONPATH": path})
    assert done.returncode == 2
    assert done.stdout.count("unknown NNACCEL_BACKEND 'nump'") == 1
