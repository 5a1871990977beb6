"""The communicator of MPI."""

from __future__ import annotations

import atexit
import ctypes
import functools
import logging
import os
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from nnaccel.backends import Array, Backend, to_numpy
from nnaccel.distributed._interrupts import Interrupts
from nnaccel.distributed._nccl import NCCL
from nnaccel.distributed._watch import Watch
from nnaccel.distributed._witness import dismiss as dismiss_witness
from nnaccel.distributed._witness import start as start_witness

_log = logging.getLogger("nnaccel")
_MOST_BYTES = 1 << 36  # of a broadcast


class MPICommunicator:
    """Ranks of MPI, each a process.

    On GPUs arrays are summed by NCCL, and MPI does the rest. On the numba backend an all-reduce is
    MPI's C function, called from the tape by its address, as Numba-MPI does [1]_. Where parts of a
    batch are summed along a fixed tree, that goes on over the ranks: each gathers what all have,
    and sums it in one order.

    Parameters
    ----------
    mpi : module
        `mpi4py.MPI`.
    shards : int
        Parts of a batch: as many as ranks, or a multiple for one order of sums on any number.

    References
    ----------
    .. [1] K. Derlatka et al., "Numba-MPI v1.0: Enabling MPI communication within Numba/LLVM
       JIT-compiled Python code", SoftwareX 28, 2024.
    """

    def __init__(self, mpi: Any, shards: int) -> None:
        self._mpi, self._comm = mpi, mpi.COMM_WORLD.Dup()
        self.rank, self.size = int(self._comm.rank), int(self._comm.size)
        self.shards = shards
        self._is_ordered = shards != self.size
        self._nccl: NCCL | None = None  # made at the first step on a GPU
        self._library = ctypes.CDLL(mpi.__file__)
        self._status = np.zeros(1, np.int64)  # of the calls on tapes
        self._comm.Set_errhandler(mpi.ERRORS_RETURN)
        processes = self.gather(np.array([os.getpid()], np.int64))
        if self.rank == 0:  # mpiexec names a process that was killed by its number
            _log.info("ranks from 0 are processes %s", ", ".join(map(str, processes)))
        dismiss = self._call_witness(processes.tolist())
        self._interrupts, self._watch = Interrupts(), Watch(mpi, self._comm.Dup(), dismiss)

    def _call_witness(self, processes: list[int]) -> Callable[[], None]:
        """Start the process that names a rank that dies, if this is possible; return its end."""
        here = self._comm.Split_type(self._mpi.COMM_TYPE_SHARED)
        is_one_machine = here.size == self.size
        here.Free()
        if not is_one_machine or not hasattr(os, "pidfd_open"):
            return lambda: None
        number = np.array([start_witness(processes) if self.rank == 0 else 0])
        self._comm.Bcast(number)
        dismiss = functools.partial(dismiss_witness, int(number[0]))
        atexit.register(dismiss)
        return dismiss

    def all_reduce(self, backend: Backend, array: Array) -> None:
        """As `Communicator.all_reduce`."""
        if not array.size:
            return
        gathered = None
        if self._is_ordered:
            gathered = backend.empty((self.size, array.size), array.dtype)
        if backend.name == "cupy":
            self._call_nccl(backend, array, gathered)
        elif backend.name == "numba" and _can_call():
            self._call(array, gathered)
        else:
            backend.host(lambda: self._run(backend, array, gathered))
        if gathered is not None:
            _sum_along_tree(backend, gathered, array)

    def _call_nccl(self, backend: Backend, array: Array, gathered: Array) -> None:
        """Enqueue NCCL's function on the current stream, or capture it."""
        if self._nccl is None:
            self._nccl = NCCL(backend.xp, self)
        if gathered is None:
            self._nccl.all_reduce(array)
        else:
            self._nccl.all_gather(array, gathered)

    def _call(self, array: np.ndarray, gathered: np.ndarray | None) -> None:
        """Call MPI's function from compiled code, or record the call."""
        from nnaccel_kernels.cpu import call_c

        mpi, handle = self._mpi, self._mpi._handleof
        kind, comm = handle(mpi._typedict[array.dtype.char]), handle(self._comm)
        if gathered is None:
            words = int(mpi.IN_PLACE), array, array.size, kind, handle(mpi.SUM), comm
            call_c(self._address("MPI_Allreduce"), words, self._status)
        else:
            call_c(
                self._address("MPI_Allgather"),
                (array, array.size, kind, gathered, array.size, kind, comm),
                self._status,
            )

    def _address(self, name: str) -> int:
        return ctypes.cast(getattr(self._library, name), ctypes.c_void_p).value or 0

    def _run(self, backend: Backend, array: Array, gathered: Array) -> None:
        """Do it in Python, over the host."""
        ours = np.ascontiguousarray(to_numpy(array))
        if gathered is None:
            theirs = np.empty_like(ours)
            self._comm.Allreduce(ours, theirs)
            array[...] = backend.asarray(theirs)
        else:
            every = np.empty(gathered.shape, ours.dtype)
            self._comm.Allgather(ours, every)
            gathered[...] = backend.asarray(every)

    def total(self, values: np.ndarray) -> np.ndarray:
        """As `Communicator.total`."""
        found = np.empty_like(values)
        self._comm.Allreduce(np.ascontiguousarray(values), found)
        return found

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """As `Communicator.gather`."""
        rows = np.ascontiguousarray(rows)
        counts = np.empty(self.size, np.int64)
        self._comm.Allgather(np.array([rows.nbytes]), counts)
        width = rows.itemsize * int(np.prod(rows.shape[1:]))
        found = np.empty((int(counts.sum()) // width, *rows.shape[1:]), rows.dtype)
        self._comm.Allgatherv(
            [rows.view(np.uint8).reshape(-1), self._mpi.BYTE],
            [found.view(np.uint8).reshape(-1), counts, self._mpi.BYTE],
        )
        return found

    def broadcast(self, data: bytes) -> bytes:
        """As `Communicator.broadcast`: its length and checksum go before it.

        Raises
        ------
        RuntimeError
            If what came is not what was sent.
        """
        head = np.array([len(data), zlib.crc32(data)], np.int64)
        self._comm.Bcast(head)
        length, checksum = (int(n) for n in head)
        if not 0 <= length <= _MOST_BYTES:
            raise RuntimeError(f"rank 0 sends {length:,} bytes; at most {_MOST_BYTES:,} are taken")
        sent = np.frombuffer(data, np.uint8) if self.rank == 0 else np.empty(length, np.uint8)
        for start in range(0, length, 1 << 30):
            self._comm.Bcast(sent[start : start + (1 << 30)])
        if zlib.crc32(sent.tobytes()) != checksum:
            raise RuntimeError("what came from rank 0 is not what it sent: its checksum differs")
        return sent.tobytes()

    def meet(self, count: int) -> int:
        """As `Communicator.meet`.

        Raises
        ------
        RuntimeError
            If a call on a tape failed.
        """
        if self._status[0]:
            text = self._mpi.Get_error_string(int(self._status[0]))
            raise RuntimeError(f"MPI failed in a step: {text}")
        own = np.array([-int(self._interrupts.seen), count], np.int64)
        least = np.empty_like(own)
        self._comm.Allreduce(own, least, self._mpi.MIN)
        if least[0]:
            raise KeyboardInterrupt
        return int(least[1])

    def watch(self) -> AbstractContextManager[None]:
        """As `Communicator.watch`."""
        return self._watch.during(self._interrupts)


def _can_call() -> bool:
    from nnaccel_kernels.cpu import can_call

    return can_call()


def _sum_along_tree(backend: Backend, rows: Array, out: Array) -> None:
    """out = the sum of the rows, whose number is a power of two, along a binary tree."""
    add: Any = backend.kernels.add
    count = len(rows)
    while count > 2:
        for i in range(count // 2):
            add(rows[2 * i], rows[2 * i + 1], rows[i])
        count //= 2
    add(rows[0], rows[1], out)
