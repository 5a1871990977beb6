"""Rows of a data set that does not fit on the device, a piece of the epoch at a time."""

from __future__ import annotations

import numpy as np

from nnaccel.backends import PIECE_BYTES, Backend, uploader_of


class PieceStream:
    """A buffer on the device with the rows of the next batches.

    The host gathers the rows of a piece while the device computes with the piece before.

    Parameters
    ----------
    backend : Backend
    rows : array, shape (N, ...)
        On the host, or mapped from disk.
    batch_size : int

    Attributes
    ----------
    piece : array, shape (some batches, ...)
        What kernels gather from.
    positions : array of N int64
        Where in the piece a row of the epoch is, on the backend.
    """

    def __init__(self, backend: Backend, rows: np.ndarray, batch_size: int) -> None:
        batches, batch_bytes = -(-len(rows) // batch_size), batch_size * rows[0].nbytes
        self._rows = rows
        self._batches: int = min(batches, max(1, PIECE_BYTES // batch_bytes))
        size = self._batches * batch_size
        self.piece = backend.empty((size, *rows.shape[1:]), rows.dtype)
        self.positions = backend.asarray(np.arange(len(rows)) % size)
        self._uploader = uploader_of(backend, self.piece.nbytes)
        self.start(np.arange(len(rows)))

    def start(self, order: np.ndarray) -> None:
        """Start an epoch with the given order of rows."""
        self._order, self._number = order, -1

    def load(self, batch: int) -> int:
        """Bring a batch to the device; return how many, from it on, are there."""
        number, within = divmod(batch, self._batches)
        if number != self._number:
            size = len(self.piece)
            chosen = self._order[number * size : (number + 1) * size]
            self._uploader.send(self.piece[: len(chosen)], lambda out: self._gather(chosen, out))
            self._number = number
        return self._batches - within

    def _gather(self, chosen: np.ndarray, out: np.ndarray) -> None:
        np.take(self._rows, chosen, axis=0, out=out, mode="clip")  # 'raise' would copy once more
