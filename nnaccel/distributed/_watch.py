"""The watch over the other ranks: each tells the next one that it is alive.

MPI itself waits for a rank that has died or was stopped for ever. So a thread of each rank sends a
message to the next rank twice a second, and ends all ranks if none came from the one before.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from nnaccel.distributed._interrupts import Interrupts

_EVERY = 0.5  # seconds between two messages
_PATIENCE = 6.0  # seconds without one, after which a rank is given up
_GRACE = 2.0  # seconds to leave a training that another rank left with an error
_ALIVE, _FAILED = 0, 1
_STATUS = 3  # of a process that ends because another one is lost


class Watch:
    """Watches over the rank before this one, and is watched by the next, during trainings.

    Parameters
    ----------
    mpi : module
        `mpi4py.MPI`.
    comm : Comm
        For these messages only.
    """

    def __init__(self, mpi: Any, comm: Any) -> None:
        self._mpi, self._comm = mpi, comm
        self._training = 0  # its number, the same on all ranks
        self._before = (comm.rank - 1) % comm.size
        self._next = (comm.rank + 1) % comm.size
        self._sent: Any = None

    @contextlib.contextmanager
    def during(self, interrupts: Interrupts) -> Iterator[None]:
        """Watch in the `with` block, which all ranks leave together unless one fails."""
        self._training += 1
        done, thread = threading.Event(), None
        if self._mpi.Query_thread() == self._mpi.THREAD_MULTIPLE:
            thread = threading.Thread(target=self._run, args=[done], name="nnaccel-watch")
            thread.daemon = True
            thread.start()
        try:
            with interrupts.noted():
                yield
                self._comm.Barrier()
        except BaseException:
            done.set()
            if thread is not None:
                thread.join()
                self._send(_FAILED)
            raise
        done.set()
        if thread is not None:
            thread.join()

    def _run(self, done: threading.Event) -> None:
        heard: float | None = None  # it may come to its training later than this rank
        failed: float | None = None
        while not done.wait(_EVERY):
            self._send(_ALIVE)
            now = time.monotonic()
            for state in self._messages():
                heard = now
                failed = now if state == _FAILED else failed
            if failed is not None and now - failed > _GRACE:
                self._give_up("ended with an error")
            if failed is None and heard is not None and now - heard > _PATIENCE:
                self._give_up(f"has not answered for {_PATIENCE:.0f} seconds: killed or stopped")

    def _send(self, state: int) -> None:
        if self._sent is not None and not self._sent[0].Test():
            return  # the next rank takes no messages: it is watched from there
        message = np.array([self._training, state], np.int64)
        self._sent = self._comm.Isend(message, self._next), message

    def _messages(self) -> Iterator[int]:
        """Yield what the rank before says of this training."""
        while self._comm.Iprobe(self._before):
            message = np.empty(2, np.int64)
            self._comm.Recv(message, self._before)
            if message[0] == self._training:
                yield int(message[1])

    def _give_up(self, what: str) -> None:
        line = f"nnaccel: rank {self._before} {what}; the other ranks end\n"
        os.write(2, line.encode())
        threading.Timer(1.0, os._exit, [_STATUS]).start()  # should MPI wait for a lock
        self._comm.Abort(_STATUS)
