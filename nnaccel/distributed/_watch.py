"""The watch over the other ranks: each tells the next one that it is alive.

MPI itself waits for ever for a rank that has died, was stopped or never comes. So a thread of each
rank, from the start to the end of the process, sends a message to the next rank twice a second;
and a rank in a training ends all of them if the one before is not in it too.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nnaccel.distributed._interrupts import Interrupts

_EVERY = 0.5  # seconds between two messages
_PATIENCE = 6.0  # seconds without one in a training, after which a rank is given up
_PATIENCE_BEFORE = 60.0  # and before it, where a rank may be busy in a library that lets none run
_LATE = 600.0  # seconds to wait for a rank that is alive, and does not come to the training
_GRACE = 2.0  # seconds to leave a training that another rank left with an error
_PASSED_ON = 0.2  # seconds for a line to pass mpiexec, which an abort ends with all it holds
_ALIVE, _FAILED, _ENDED = range(3)
_STATUS = 3  # of a process that ends because another one is lost


class Watch:
    """Watches over the rank before this one, and is watched by the next.

    Parameters
    ----------
    mpi : module
        `mpi4py.MPI`.
    comm : Comm
        For these messages only.
    dismiss_witness : callable
        Called where a rank is about to be named here.
    """

    def __init__(self, mpi: Any, comm: Any, dismiss_witness: Callable[[], None]) -> None:
        self._dismiss_witness = dismiss_witness
        self._world, self._comm = mpi.COMM_WORLD, comm
        self._before = (comm.rank - 1) % comm.size
        self._next = (comm.rank + 1) % comm.size
        self._training, self._state = 0, _ALIVE  # trainings are numbered alike on all ranks
        self._began: float | None = None  # when this one did, if there is one
        self._theirs, self._heard, self._since = (0, _ALIVE), time.monotonic(), 0.0
        self._sent: Any = None
        self._done, self._woken = threading.Event(), threading.Event()
        if mpi.Query_thread() == mpi.THREAD_MULTIPLE:
            self._thread = threading.Thread(target=self._run, name="nnaccel-watch", daemon=True)
            self._thread.start()
            atexit.register(self._end)

    @contextlib.contextmanager
    def during(self, interrupts: Interrupts) -> Iterator[None]:
        """Watch in the `with` block, which all ranks leave together unless one fails."""
        self._training, self._state = self._training + 1, _ALIVE
        self._began = time.monotonic()
        self._woken.set()  # the next rank's patience is less from here on
        try:
            with interrupts.noted():
                yield
                self._comm.Barrier()
        except BaseException:
            self._state = _FAILED
            raise
        finally:
            self._began = None

    def _end(self) -> None:
        """Tell the next rank that this process ends; it may be waiting.

        What the one before has sent is taken, for UCX warns of messages that are left; MPI would
        wait for that rank anyway.
        """
        self._done.set()
        self._woken.set()
        self._thread.join()
        self._send(_ENDED)
        until = time.monotonic() + _GRACE
        while self._theirs[1] != _ENDED and time.monotonic() < until:
            time.sleep(0.01)
            self._receive()

    def _run(self) -> None:
        while True:
            self._woken.wait(_EVERY)
            self._woken.clear()
            if self._done.is_set():
                return
            self._send(self._state)
            self._receive()
            began = self._began
            what = None if began is None else self._complaint(began, time.monotonic())
            if what is not None:
                self._give_up(what)

    def _send(self, state: int) -> None:
        if self._sent is not None and not self._sent[0].Test():
            return  # the next rank takes no messages: it is watched from there
        message = np.array([self._training, state], np.int64)
        self._sent = self._comm.Isend(message, self._next), message

    def _receive(self) -> None:
        """Note what the rank before says of itself."""
        while self._comm.Iprobe(self._before):
            message = np.empty(2, np.int64)
            self._comm.Recv(message, self._before)
            self._heard = time.monotonic()
            theirs = int(message[0]), int(message[1])
            if theirs != self._theirs:
                self._theirs, self._since = theirs, self._heard

    def _complaint(self, began: float, now: float) -> str | None:
        """Return what is wrong with the rank before in a training that began here; None if nothing.

        Both times are those of `time.monotonic`.
        """
        training, state = self._theirs
        is_here = training >= self._training
        if now - max(self._since, began) > _GRACE:
            if state == _ENDED and not is_here:
                return "ended before it came to this training"
            if is_here and (state != _ALIVE or training > self._training):
                return "ended with an error"
        patience = _PATIENCE if is_here else _PATIENCE_BEFORE
        if state != _ENDED and now - max(self._heard, began) > patience:
            return f"has not answered for {patience:.0f} seconds: killed or stopped"
        if not is_here and now - began > _LATE:
            return f"has not come to this training for {_LATE:.0f} seconds"
        return None

    def _give_up(self, what: str) -> None:
        self._dismiss_witness()
        line = f"nnaccel: rank {self._before} {what}; the other ranks end\n"
        os.write(2, line.encode())
        time.sleep(_PASSED_ON)
        threading.Timer(3.0, os._exit, [_STATUS]).start()  # should MPI wait for a lock
        self._world.Abort(_STATUS)  # of a copy of it Hydra ends none that are stopped
