"""Weights that are packed once, and again only where they have changed since.

A forward pass that is recorded to run many times keeps its packed weights, and a copy of what they
were packed from. Each run compares the weights with the copy, bit by bit, which takes a fraction of
the time of packing: their owner may change them in place at any time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from weakref import WeakValueDictionary

import numpy as np

from nnaccel_kernels.cpu.runtime.address import address_of, on_a_line
from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share, threads_for
from nnaccel_kernels.cpu.runtime.tape import local
from nnaccel_kernels.cpu.runtime.workspace import thread_workspaces

_MOST = 16 << 20  # bytes kept of one array of weights
_RUN = 1024  # elements compared before a look at the result


@dataclass(frozen=True, eq=False)
class Packing:
    """What weights are packed from, and to.

    Attributes
    ----------
    source : array, shape (K, C*R*S)
        The weights or, where packed ones are kept, a copy.
    stale : array of int64, shape (groups * strips,)
        Whether the filters of a strip are to be packed; below 0 if they never were.
    strips : array
        Packed weights.
    """

    source: np.ndarray
    stale: np.ndarray
    strips: np.ndarray


@kernel
def _find_stale(rank, size, w, copy, groups, lanes, stale):  # type: ignore[no-untyped-def]
    """Find the strips whose filters differ from their copy, and copy those."""
    filters, patch = w.shape[0] // groups, w.shape[1]
    count = stale.size // groups
    lo, hi = share(stale.size, rank, size)
    for item in range(lo, hi):
        first = item % count * lanes
        begin = (item // count * filters + first) * patch
        end = begin + min(lanes, filters - first) * patch
        new, old = w.reshape(-1)[begin:end], copy.reshape(-1)[begin:end]
        changed = stale[item] < 0 or _differ(new, old)
        stale[item] = changed
        if changed:
            for i in range(new.size):
                old[i] = new[i]


@njit(nogil=True, cache=True)
def _differ(x, y):  # type: ignore[no-untyped-def]
    """Whether arrays of one axis differ."""
    for begin in range(0, x.size, _RUN):
        some, others = x[begin : begin + _RUN], y[begin : begin + _RUN]
        bits = some[0] ^ some[0]
        for i in range(some.size):
            bits |= some[i] ^ others[i]
        if bits:
            return True
    return False


def keeps_weights(size: int) -> bool:
    """Whether the launches noted now may leave weights and packed ones, bytes, for later runs."""
    return getattr(getattr(local, "tape", None), "kept", None) is not None and size <= _MOST


def weight_workspaces(
    w: np.ndarray, groups: int, shape: tuple[int, ...], elements: int, transposed: bool = False
) -> tuple[Packing, np.ndarray, np.ndarray]:
    """Return how to pack weights into strips of a shape, and counters and rows for threads.

    The last axis of the shape is the filters of a strip, or the channels if `transposed`: such
    strips are never kept. All else is as for `thread_workspaces`.
    """
    flat, lanes = w.reshape(len(w), math.prod(w.shape[1:])), shape[-1]
    count = groups * -(-(w.shape[1] if transposed else len(w) // groups) // lanes)
    if transposed or not keeps_weights((w.size + math.prod(shape)) * w.itemsize):
        strips, counters, rows = thread_workspaces(w.dtype, shape, elements)
        return Packing(flat, np.ones(count, np.int64), strips), counters, rows
    packing = _packing(w, groups, count, shape)
    local.tape.kept.append(packing)
    bits = np.dtype(f"i{w.itemsize}")
    sides = flat.view(bits), packing.source.view(bits)
    _find_stale(*sides, groups, lanes, packing.stale, width=threads_for(w.size))
    return packing, *thread_workspaces(w.dtype, (0,), elements)[1:]


def _packing(w: np.ndarray, groups: int, count: int, shape: tuple[int, ...]) -> Packing:
    """The thread's packing of these weights, which lives as long as a recording that uses it."""
    known = vars(local).setdefault("packings", WeakValueDictionary())
    key = address_of(w), w.shape, w.dtype, groups, shape
    found: Packing | None = known.get(key)
    if found is None:
        source, strips = (
            on_a_line(math.prod(s) * w.itemsize).view(w.dtype).reshape(s)
            for s in ((len(w), math.prod(w.shape[1:])), shape)
        )
        found = known[key] = Packing(source, np.full(count, -1, np.int64), strips)
    return found
