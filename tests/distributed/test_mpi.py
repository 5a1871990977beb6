"""Training over MPI, by the mpiexec that is installed beside this Python."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from nnaccel.training import checkpoint

from ..processes import HANGS
from . import scripts
from .kills import Kill
from .launching import run, start, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("mpi4py") is None, reason="needs mpi4py and mpiexec"),
]


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


@pytest.mark.parametrize("how", ["SIGKILL", "SIGSTOP"])
def test_when_one_rank_is_lost_all_end_and_training_resumes(how: str, tmp_path: Path) -> None:
    rng = np.random.default_rng()
    kill = Kill.draw(rng)  # `python -m tests.distributed.kills` draws many
    replace(kill, ranks=2, lost=int(rng.integers(2)), how=how, resumed_on=1).run(tmp_path)


def test_an_interrupt_of_one_rank_ends_all(tmp_path: Path) -> None:
    process = start(2, "forever", tmp_path)
    epochs = tmp_path / "epochs"
    wait_for(lambda: epochs.exists() and int(epochs.read_text() or 0) > 2, process)
    os.kill(int((tmp_path / "1.pid").read_text()), signal.SIGINT)
    out, _ = process.communicate(timeout=HANGS)
    assert process.returncode == 0
    assert out.count("rank 0 interrupted") == out.count("rank 1 interrupted") == 1
    assert checkpoint.read(tmp_path / "model.safetensors")[1]["epochs"] > 1


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("within", "ended with an error"),
        ("before", "ended before it came to this training"),
    ],
)
def test_an_error_of_one_rank_ends_all(where: str, told: str) -> None:
    process = start(2, "fails", where)
    _, err = process.communicate(timeout=HANGS)
    assert process.returncode
    assert "OSError: no such disk" in err
    assert err.count(f"nnaccel: rank 1 {told}; the other ranks end") == 1


def test_a_rank_that_is_stopped_after_a_failed_training_is_told() -> None:
    process = start(2, "stops")
    _, err = process.communicate(timeout=HANGS)
    assert process.returncode
    assert err.count("nnaccel: rank 1 has not answered for 1 seconds") == 1


def test_scripts_alone_need_no_mpi() -> None:
    assert scripts.nn.distributed.init().size == 1
