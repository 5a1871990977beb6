"""Who is named where a rank is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from nnaccel.distributed import _witness
from nnaccel.distributed._watch import _ALIVE, _ENDED, _FAILED, Watch

NOW = 10_000.0


@pytest.mark.parametrize(
    ("theirs", "silent", "began", "told"),
    [
        ((2, _ALIVE), 1, 900, None),
        ((2, _ALIVE), 7, 900, "has not answered for 6 seconds"),
        ((2, _ALIVE), 900, 5, None),  # this one has come late itself
        ((1, _ALIVE), 1, 500, None),
        ((1, _ALIVE), 1, 601, "has not come to this training for 600 seconds"),
        ((1, _ALIVE), 30, 500, None),
        ((1, _ALIVE), 61, 500, "has not answered for 60 seconds"),
        ((2, _FAILED), 1, 900, None),  # this one may meet the error too
        ((2, _FAILED), 3, 900, "ended with an error"),
        ((2, _ENDED), 3, 900, "ended with an error"),
        ((1, _ENDED), 300, 1, None),
        ((1, _ENDED), 300, 3, "ended before it came to this training"),
        ((1, _FAILED), 30, 500, None),  # of an earlier training: it may come to this one
        ((1, _FAILED), 61, 500, "has not answered for 60 seconds"),
        ((3, _ALIVE), 1, 900, None),  # both have just left this one
        ((3, _ALIVE), 3, 900, "ended with an error"),
    ],
)
def test_complaints(theirs: tuple[int, int], silent: float, began: float, told: str | None) -> None:
    mpi = SimpleNamespace(COMM_WORLD=None, Query_thread=lambda: 1, THREAD_MULTIPLE=3)
    watch = Watch(mpi, SimpleNamespace(rank=0, size=2), lambda: None)
    watch._training, watch._theirs = 2, theirs
    watch._heard = watch._since = NOW - silent
    found = watch._complaint(NOW - began, NOW)
    assert found is None if told is None else found is not None and found.startswith(told)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
def test_the_first_of_two_deaths_is_named() -> None:
    """However late the witness comes to look."""
    ranks = [subprocess.Popen(["sleep", "900"]) for _ in range(2)]
    program = [sys.executable, _witness.__file__, *(str(rank.pid) for rank in ranks)]
    witness = subprocess.Popen(program, stderr=subprocess.PIPE, text=True)
    while _watched(witness.pid) < 2:
        time.sleep(0.01)
    witness.send_signal(signal.SIGSTOP)
    for rank in reversed(ranks):
        rank.kill()
        rank.wait()
    witness.send_signal(signal.SIGCONT)
    _, err = witness.communicate()
    assert err == f"nnaccel: rank 1 has died (process {ranks[1].pid}); the other ranks end\n"


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
def test_a_dismissed_witness_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    rank = subprocess.Popen(["sleep", "900"])
    witness = _witness.start([rank.pid])
    _witness.dismiss(witness)
    os.waitpid(witness, 0)
    rank.kill()
    rank.wait()
    assert capfd.readouterr().err == ""


def _watched(process: int) -> int:
    """How many handles the epoll of a process has."""
    told = 0
    for path in Path(f"/proc/{process}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):
            told += path.read_text().count("tfd:")
    return told
