"""What training asks of the processes that share it, and what one process alone answers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np

from nnaccel.backends import Array, Backend


class Communicator(Protocol):
    """Processes that train one model together; every rank makes the same calls in the same order.

    Attributes
    ----------
    rank, size : int
        This process's number, from 0, and how many there are.
    shards : int
        Parts that each batch is divided into; a multiple of `size`. Each rank computes its parts
        one by one, and gradients are summed along a binary tree over them.
    """

    rank: int
    size: int
    shards: int

    def all_reduce(self, backend: Backend, array: Array) -> None:
        """Sum an array over the ranks in place, now or as a row of the tape being recorded."""

    def total(self, values: np.ndarray) -> np.ndarray:
        """Return the sum over the ranks of an array on the host."""

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows of all ranks, one rank's after another's; on the host."""

    def broadcast(self, data: bytes) -> bytes:
        """Return the bytes that rank 0 gives."""

    def meet(self, count: int) -> int:
        """Return the least count that a rank gives.

        Raises
        ------
        KeyboardInterrupt
            On all ranks, if one was interrupted since the last meeting.
        """

    def watch(self) -> AbstractContextManager[None]:
        """Watch over the other ranks during a training, which all of them end together."""


class Alone:
    """One process, which has all there is.

    Parameters
    ----------
    shards : int, default 1
        Parts of a batch.
    """

    def __init__(self, shards: int = 1) -> None:
        self.rank, self.size, self.shards = 0, 1, shards

    def all_reduce(self, backend: Backend, array: Array) -> None:
        """As `Communicator.all_reduce`."""

    def total(self, values: np.ndarray) -> np.ndarray:
        """As `Communicator.total`."""
        return values

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """As `Communicator.gather`."""
        return rows

    def broadcast(self, data: bytes) -> bytes:
        """As `Communicator.broadcast`."""
        return data

    def meet(self, count: int) -> int:
        """As `Communicator.meet`."""
        return count

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """As `Communicator.watch`."""
        yield


def communicator_of(distributed: Communicator | None) -> Communicator:
    """Return what `fit` was given, or one process alone.

    Raises
    ------
    TypeError
        If it is something else, such as True.
    """
    if distributed is None:
        return Alone()
    if not hasattr(distributed, "all_reduce"):
        raise TypeError(f"distributed={distributed!r} must be what nn.distributed.init() returns")
    return distributed
