"""Training over MPI, by the mpiexec that is installed beside this Python."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from nnaccel.distributed.mpiexec import find_mpiexec
from nnaccel.training import checkpoint

from ..processes import HANGS, ON_PATH, ROOT
from . import scripts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("mpi4py") is None, reason="needs mpi4py and mpiexec"),
]


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
    process = start(ranks, *args, backend=backend)
    out, err = process.communicate(timeout=HANGS)
    assert process.returncode == 0, err
    found: dict[str, Any] = json.loads(out)
    assert (found["size"], found["same"]) == (ranks, True)
    return found


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_two_ranks_train_as_one(backend: str) -> None:
    one, two = (run(ranks, "train", backend=backend) for ranks in (1, 2))
    for name in ("loss", "val_loss", "accuracy", "auc"):
        # not to rounding: batch normalisation goes by the rows of a rank
        assert two["history"][name] == pytest.approx(one["history"][name], abs=0.2)


def test_one_and_two_ranks_have_the_same_bits_and_resume_each_other(tmp_path: Path) -> None:
    one, two = run(1, "fixed"), run(2, "fixed")
    assert two == {**one, "size": 2}
    path = tmp_path / "model.safetensors"
    run(2, "fixed", path, 2)
    assert run(1, "fixed", path, 3) == one


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    for _ in range(20 * HANGS):
        if condition():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("nothing happens")


@pytest.mark.parametrize("how", ["SIGKILL", "SIGSTOP", "SIGINT"])
def test_when_one_rank_ends_all_do(how: str, tmp_path: Path) -> None:
    process = start(2, "forever", tmp_path)
    epochs = tmp_path / "epochs"
    wait_for(lambda: epochs.exists() and int(epochs.read_text() or 0) > 2, process)
    pid = int((tmp_path / "1.pid").read_text())
    os.kill(pid, getattr(signal, how))
    out, err = process.communicate(timeout=HANGS)
    arrays, described = checkpoint.read(tmp_path / "model.safetensors")  # whole
    assert arrays
    assert described["epochs"] > 1
    if how == "SIGINT":
        assert process.returncode == 0
        assert out.count("rank 0 interrupted") == out.count("rank 1 interrupted") == 1
        return
    assert process.returncode
    told = f"PID {pid}" if how == "SIGKILL" else "nnaccel: rank 1 has not answered"
    assert told in out + err


def test_an_error_of_one_rank_ends_all() -> None:
    process = start(2, "fails")
    _, err = process.communicate(timeout=HANGS)
    assert process.returncode
    assert "OSError: no such disk" in err
    assert "nnaccel: rank 1 ended with an error; the other ranks end" in err


def test_scripts_alone_need_no_mpi() -> None:
    assert scripts.nn.distributed.init().size == 1
