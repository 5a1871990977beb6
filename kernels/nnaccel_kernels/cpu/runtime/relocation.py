"""Relocation: what was recorded once for some arrays runs on others of the same shapes.

The table of launches stays; only the addresses in it change. Results get buffers of their own at
each run, and what is computed on the way to them shares another, so nothing is copied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numba import config

from nnaccel_kernels.cpu.runtime.address import LINE, address_of, on_a_line
from nnaccel_kernels.cpu.runtime.buffers import buffer_store, collect
from nnaccel_kernels.cpu.runtime.lifetimes import Lifetime, place
from nnaccel_kernels.cpu.runtime.tape import Launch, Tape, build_table, local, record, words_of
from nnaccel_kernels.cpu.runtime.thread_pool import thread_pool
from nnaccel_kernels.cpu.runtime.worker import COLUMNS

_ADDRESS = 4  # word of an array's address among those that describe it
_SMALL = 4096  # bytes of arrays that may stay in place, tables of constants, and of small results
_IN_WORKSPACE = 1 << 20  # bytes between launches that the thread's workspace takes


class NotRelocatableError(Exception):
    """The step cannot run on other arrays; it is to be run as it is."""


class _Patch(NamedTuple):
    """A word of the table that holds an address within the memory of an array."""

    word: int
    slot: int
    offset: int
    launch: int


class _Result(NamedTuple):
    """A view of a fresh buffer that the step returns."""

    slot: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype[Any]
    is_whole: bool  # all of its buffer, which is so small that new memory is found faster


class Relocation:
    """A recorded step of arrays, to be run on others of the same shapes, dtypes and strides.

    Parameters
    ----------
    step : callable
        Takes no arguments, launches kernels, and returns arrays made by `empty`, None, or a tuple
        of them.
    inputs : sequence of array
        What the step reads, no two of which overlap.
    keeps : bool, default False
        Whether other arrays, of any size, may be used in place: those of a model, say.

    Attributes
    ----------
    is_running : bool
        Whether a run is under way, which a signal's handler may have interrupted: no other may
        begin.

    Raises
    ------
    NotRelocatableError
        If the step has host rows, or uses other arrays in place.
    """

    def __init__(
        self, step: Callable[[], Any], inputs: Sequence[np.ndarray], keeps: bool = False
    ) -> None:
        if config.DISABLE_JIT or _overlap(inputs):
            raise NotRelocatableError
        self._kept: list[Any] = []  # used in place: alive as long as this
        with record() as tape, collect() as fresh:
            tape.scratch = getattr(local, "scratch", tape.scratch)
            tape.kept = self._kept if keeps else None
            returned = step()
        launches = _launches(tape)
        memories = [tape.scratch, *inputs, *fresh]
        self._spans = [(address_of(a), a.nbytes) for a in memories]
        self._inputs, self._scratch_size = len(inputs), 0
        self._is_tuple = isinstance(returned, tuple)
        results = returned if self._is_tuple else (returned,)
        found = self._found(results)
        self._counters, patches = tape.counters, list(self._find(launches, keeps))
        self._lend(found, patches, fresh)
        self._addresses = [0] * len(self._places)
        self._table = build_table(launches)
        self._words = self._table.memory.data
        self.is_running = False

    def __call__(self, inputs: Sequence[np.ndarray]) -> Any:
        """Run on these inputs, and return what the step returned, in buffers of its own."""
        try:
            self.is_running = True
            return self._run(inputs)
        finally:
            self.is_running = False

    def _run(self, inputs: Sequence[np.ndarray]) -> Any:
        if self._counters is not None:
            self._counters[:] = 0  # Ctrl-C may have left a half count
        scratch = self._scratch()  # held: a signal's handler may replace it by a larger one
        buffers = [make() for make in self._buffers]
        addresses = [*map(address_of, (scratch, *inputs, *buffers))]
        if addresses != self._addresses:
            self._patch(addresses)
        thread_pool().run_table(self._table)
        made = [None if r is None else _view(r, buffers) for r in self._results]
        return tuple(made) if self._is_tuple else made[0]

    def _patch(self, addresses: list[int]) -> None:
        """Write the addresses of those arrays that are not where they were."""
        before, words = self._addresses, self._words
        self._addresses = [0] * len(addresses)  # in case that Ctrl-C comes
        for address, old, places in zip(addresses, before, self._places, strict=True):
            if address != old:
                for word, offset in places:
                    words[word] = address + offset
        self._addresses = addresses

    def _lend(
        self, results: list[_Result | None], patches: list[_Patch], fresh: list[np.ndarray]
    ) -> None:
        """Give each result a buffer, and all else its place in one more, or in the workspace."""
        first = 1 + self._inputs
        shown = {r.slot: r for r in results if r is not None}
        hidden = [slot for slot in range(first, len(self._spans)) if slot not in shown]
        lives = {slot: [p.launch for p in patches if p.slot == slot] or [0] for slot in hidden}
        offsets, size = place(
            [Lifetime(self._spans[slot][1], lives[slot][0], lives[slot][-1]) for slot in hidden]
        )
        self._buffers: list[Callable[[], np.ndarray]] = [
            partial(np.empty, r.shape, r.dtype)
            if r.is_whole
            else partial(buffer_store().lend, self._spans[slot][1])
            for slot, r in shown.items()
        ]
        moved = {slot: (first + i, 0) for i, slot in enumerate(shown)}
        home, start = first + len(shown), 0
        if size <= _IN_WORKSPACE:
            home, start = 0, -(-self._scratch_size // LINE) * LINE
            self._scratch_size = start + size
        else:
            self._buffers.append(partial(buffer_store().lend, size))
        moved |= {slot: (home, start + at) for slot, at in zip(hidden, offsets, strict=True)}
        self._results = [
            r if r is None else r._replace(slot=moved[r.slot][0] - first) for r in results
        ]
        self._places: list[list[tuple[int, int]]] = [[] for _ in range(first + len(self._buffers))]
        for word, slot, offset, _ in patches:
            to, begin = moved.get(slot, (slot, 0))
            self._places[to].append((word, begin + offset))

    def _scratch(self) -> np.ndarray:
        """The thread's workspace, at least as large as the one recorded."""
        scratch: np.ndarray | None = getattr(local, "scratch", None)
        if scratch is None or scratch.size < self._scratch_size:
            scratch = local.scratch = on_a_line(self._scratch_size)
        return scratch

    def _found(self, returned: Sequence[np.ndarray | None]) -> list[_Result | None]:
        """Where each returned array lies in a fresh buffer."""
        slots = [None if a is None else self._slot_of(a) for a in returned]
        found: list[_Result | None] = []
        for a, slot in zip(returned, slots, strict=True):
            if a is None:
                found.append(None)
                continue
            if slot is None or slot <= self._inputs:
                raise NotRelocatableError
            start, size = self._spans[slot]
            is_whole = a.nbytes == size <= _SMALL and a.flags.c_contiguous
            is_whole &= slots.count(slot) == 1
            found.append(
                _Result(slot, address_of(a) - start, a.shape, a.strides, a.dtype, is_whole)
            )
        return found

    def _find(self, launches: Sequence[Launch], keeps: bool) -> Iterator[_Patch]:
        """Yield a patch for each array of the launches that is relocated."""
        word = COLUMNS * len(launches)
        for launch, (_, args, _) in enumerate(launches):
            for arg in args:
                if isinstance(arg, np.ndarray):
                    slot = self._slot_of(arg)
                    if slot is not None:
                        offset = address_of(arg) - self._spans[slot][0]
                        if slot == 0:
                            self._scratch_size = max(self._scratch_size, offset + arg.nbytes)
                        yield _Patch(word + _ADDRESS, slot, offset, launch)
                    elif arg.nbytes > _SMALL and not keeps:
                        raise NotRelocatableError
                    else:
                        self._kept.append(arg)
                word += words_of(arg)

    def _slot_of(self, a: np.ndarray) -> int | None:
        """Number of the array whose memory holds `a`; None if none does."""
        at = address_of(a)
        for slot, (start, size) in enumerate(self._spans):
            if start <= at < start + size or (at == start and not a.size):
                return slot
        return None


def _view(result: _Result, buffers: Sequence[np.ndarray]) -> np.ndarray:
    """The result in its buffer."""
    slot, offset, shape, strides, dtype, is_whole = result
    return buffers[slot] if is_whole else np.ndarray(shape, dtype, buffers[slot], offset, strides)


def _launches(tape: Tape) -> list[Launch]:
    """The launches of a tape without host rows."""
    parts = tape.parts
    if len(parts) > 1 or any(callable(part) for part in parts):
        raise NotRelocatableError
    return parts[0] if parts else []  # type: ignore[return-value]


def _overlap(arrays: Sequence[np.ndarray]) -> bool:
    """Whether two of the arrays share memory, so that an address does not tell which is meant."""
    spans = sorted((address_of(a), a.nbytes) for a in arrays)
    return any(a + size > b for (a, size), (b, _) in pairwise(spans))
