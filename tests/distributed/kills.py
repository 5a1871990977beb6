"""Ranks killed or stopped at random times: python -m tests.distributed.kills [COUNT [SEED]]."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnaccel.training import checkpoint

from .launching import run, start, wait_for

_LONGEST = 3.0  # seconds of training, after the first epoch, before a rank is lost


@dataclass(frozen=True)
class Kill:
    """What is to happen: to which of how many ranks, when, and on how many training goes on."""

    ranks: int
    lost: int
    how: str
    after: float
    resumed_on: int
    backend: str

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Kill:
        return cls(
            2,
            int(rng.integers(2)),
            str(rng.choice(["SIGKILL", "SIGSTOP"])),
            float(rng.uniform(0, _LONGEST)),
            1,
            str(rng.choice(["numpy", "numba"])),
        )

    def run(self, folder: Path) -> float:
        """Do it, and assert all that must hold; return the seconds until the others had ended."""
        process = start(self.ranks, "forever", folder, backend=self.backend)
        epochs = folder / "epochs"
        wait_for(lambda: epochs.exists() and int(epochs.read_text() or 0) > 0, process)
        time.sleep(self.after)
        pids = [int((folder / f"{rank}.pid").read_text()) for rank in range(self.ranks)]
        os.kill(pids[self.lost], getattr(signal, self.how))
        begin = time.monotonic()
        _, err = process.communicate(timeout=100)
        seconds = time.monotonic() - begin
        assert process.returncode
        what = {"SIGKILL": "has died", "SIGSTOP": "has not answered for 6 seconds"}[self.how]
        told = err.count("nnaccel: "), err.count(f"nnaccel: rank {self.lost} {what}")
        assert told == (1, 1), (self, seconds, err)
        while any(map(_is_running, pids)):  # they have been killed, and may not be gone yet
            time.sleep(0.05)
        arrays, described = checkpoint.read(folder / "model.safetensors")  # whole
        assert all(np.isfinite(a).all() for a in arrays.values())
        seen, kept = int(epochs.read_text()), int(described["epochs"])
        assert kept >= seen - 1  # it is written after it is told of
        done = run(self.resumed_on, "forever", folder, kept + 2, backend=self.backend)
        assert (done["epochs"], done["first"]) == (kept + 2, kept)
        return seconds


def _is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")


def main(count: int = 30, seed: int = 0) -> None:
    """Run so many, and print a line each and the longest time."""
    rng, longest = np.random.default_rng(seed), 0.0
    for number in range(1, count + 1):
        kill = Kill.draw(rng)
        with tempfile.TemporaryDirectory() as folder:
            seconds = kill.run(Path(folder))
        longest = max(longest, seconds)
        print(f"{number:2} {seconds:4.1f} s  {kill}", flush=True)
    print(f"{count} ranks lost; the others ended within {longest:.1f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
