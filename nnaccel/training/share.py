"""The share of a rank: which rows of each batch it computes."""

from __future__ import annotations

import numpy as np

from nnaccel.training.communicator import Communicator

Span = tuple[int, int]  # first row, and the one after the last


class Share:
    """The rows of each batch that are this rank's, in shards.

    A batch is divided evenly into as many shards as the communicator has, one after another; a
    rank's follow one another too. In a batch of few rows some are empty.

    Parameters
    ----------
    comm : Communicator
    batch_size : int
        Rows of a whole batch, of all but the last one.
    """

    def __init__(self, comm: Communicator, batch_size: int) -> None:
        own = comm.shards // comm.size
        self._parts, self._own = comm.shards, range(comm.rank * own, (comm.rank + 1) * own)
        self._batch_size, self._is_whole = batch_size, comm.size == 1

    def shards(self, rows: int) -> list[Span]:
        """Return the span of each of this rank's shards within a batch of `rows` rows."""
        return [(rows * i // self._parts, rows * (i + 1) // self._parts) for i in self._own]

    def slices(self, rows: int) -> list[slice]:
        """Return `shards` as slices, counted from the first of this rank's rows."""
        shards = self.shards(rows)
        start = shards[0][0]
        return [slice(first - start, end - start) for first, end in shards]

    def span(self, rows: int) -> Span:
        """Return the span of all of them."""
        shards = self.shards(rows)
        return shards[0][0], shards[-1][1]

    def rows(self, rows: int) -> int:
        """Return how many rows of a batch of `rows` rows are this rank's."""
        first, end = self.span(rows)
        return end - first

    def order(self, order: np.ndarray) -> np.ndarray:
        """Return this rank's part of an epoch's order of rows, batch after batch."""
        if self._is_whole:
            return order
        full = len(order) // self._batch_size * self._batch_size
        batches, rest = order[:full].reshape(-1, self._batch_size), order[full:]
        own, own_of_rest = slice(*self.span(self._batch_size)), slice(*self.span(len(rest)))
        return np.concatenate([batches[:, own].ravel(), rest[own_of_rest]])
