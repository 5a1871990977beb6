"""Copies from host to device of arrays of any size, through little memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from nnaccel.backends._backend import Array, Backend

#: Bytes of a pinned buffer, and of what is copied at a time. CuPy would pin the next power of two
#: of a whole array.
PIECE_BYTES = 64 << 20
#: The share of a device's free memory that a data set may take.
SHARE = 0.5


class Uploader:
    """Copies of what the host has filled a buffer with.

    Parameters
    ----------
    backend : Backend
    """

    def __init__(self, backend: Backend) -> None:
        self._convert = backend.asarray

    def send(self, out: Array, fill: Callable[[np.ndarray], object]) -> None:
        """Have an array like `out` filled on the host, and copy it to `out`."""
        buffer = np.empty(out.shape, out.dtype)
        fill(buffer)
        out[...] = self._convert(buffer)


class PinnedUploader:
    """Copies through two pinned buffers: one is filled while the device reads the other.

    Parameters
    ----------
    cupy : module
    nbytes : int
        Most bytes of one copy.
    """

    def __init__(self, cupy: Any, nbytes: int) -> None:
        self._stream_of = cupy.cuda.get_current_stream
        self._buffers = [cupy.cuda.alloc_pinned_memory(nbytes) for _ in range(2)]
        self._events: list[Any] = [None, None]
        self._turn = 0

    def send(self, out: Array, fill: Callable[[np.ndarray], object]) -> None:
        """Have an array like `out` filled on the host, and copy it to `out` without waiting."""
        turn, self._turn = self._turn, 1 - self._turn
        if self._events[turn] is not None:
            self._events[turn].synchronize()  # the device has read the copy before the last
        pinned = np.frombuffer(self._buffers[turn], out.dtype, out.size).reshape(out.shape)
        fill(pinned)
        out.set(pinned)
        self._events[turn] = self._stream_of().record()


def uploader_of(backend: Backend, nbytes: int) -> Uploader | PinnedUploader:
    """Return what copies to a backend, at most `nbytes` at a time."""
    if backend.name == "cupy":
        return PinnedUploader(backend.xp, nbytes)
    return Uploader(backend)


def is_large(x: Any, dtype: Any) -> bool:
    """Whether x is to be copied in pieces, as it is."""
    if not isinstance(x, np.ndarray) or x.nbytes <= PIECE_BYTES or not x.flags.c_contiguous:
        return False
    return dtype is None or np.dtype(dtype) == x.dtype


def to_device(cupy: Any, x: Any, dtype: Any = None) -> Array:
    """Return an array on the device, copied only if it has to be."""
    return upload(cupy, x) if is_large(x, dtype) else cupy.asarray(x, dtype=dtype)


def upload(cupy: Any, a: np.ndarray) -> Array:
    """Return a contiguous array on the device, copied in pieces."""
    out = cupy.empty(a.shape, a.dtype)
    source, target = a.reshape(-1), out.reshape(-1)
    size = max(1, PIECE_BYTES // a.itemsize)
    uploader = PinnedUploader(cupy, size * a.itemsize)
    for first in range(0, a.size, size):
        piece = slice(first, first + size)
        uploader.send(target[piece], partial(_copy, source[piece]))
    return out


def has_room(cupy: Any, nbytes: int) -> bool:
    """Whether a data set of so many bytes may stay on the current device."""
    free, _ = cupy.cuda.runtime.memGetInfo()
    return bool(nbytes <= SHARE * (free + cupy.get_default_memory_pool().free_bytes()))


def _copy(source: np.ndarray, target: np.ndarray) -> None:
    target[...] = source
