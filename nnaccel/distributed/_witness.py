"""Names the rank that died first: python _witness.py PID….

A launcher kills all ranks as soon as one has died, so none of them can tell which it was. This
process can: of several deaths epoll reports the first one first. It imports nothing of nnaccel.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence


def start(processes: Sequence[int]) -> int:
    """Start a witness of the processes of ranks 0, 1, …, all of this machine; return its number."""
    program = [sys.executable, "-I", "-S", __file__, *map(str, processes)]
    nothing = subprocess.DEVNULL  # errors are its line; a session of its own outlives the launcher
    started = subprocess.Popen(program, stdin=nothing, stdout=nothing, start_new_session=True)
    started.returncode = 0  # nobody waits for it
    return started.pid


def dismiss(process: int) -> None:
    """End a witness, as a rank does that ends by itself."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGTERM)


def name_first(processes: Sequence[int]) -> None:
    """Wait until a process ends, and print a line with its place among them."""
    waiting, ranks = select.epoll(), {}
    for rank, process in enumerate(processes):
        try:
            handle = os.pidfd_open(process)
        except ProcessLookupError:
            _print(rank, process)
            return
        except OSError:  # Linux before 5.3
            return
        ranks[handle] = rank
        waiting.register(handle, select.EPOLLIN)
    rank = ranks[waiting.poll()[0][0]]
    _print(rank, processes[rank])


def _print(rank: int, process: int) -> None:
    line = f"nnaccel: rank {rank} has died (process {process}); the other ranks end\n"
    os.write(2, line.encode())


if __name__ == "__main__":
    name_first([int(process) for process in sys.argv[1:]])
