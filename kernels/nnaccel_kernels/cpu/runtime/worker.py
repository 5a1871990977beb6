"""What the threads of a team execute: tables of kernels, and waiting for one another.

The threads execute the whole table side by side (the SPMD style of MPI), each doing its share of
every kernel, so a step of training costs no thread start and no trip through Python. A barrier is
one atomic counter that everybody raises and then watches [1]_.

A thread that has done its share does not go to sleep at once: it watches its mailbox for a while,
for the next table is often close behind, and waking a thread takes longer than many a kernel. Those
that watch when a table is to run take part in it. They are told, and waited for, in one call, which
no Ctrl-C can interrupt between the two.

.. [1] J. M. Mellor-Crummey and M. L. Scott, "Algorithms for scalable synchronization on
   shared-memory multiprocessors", ACM TOCS 9(1), 1991.
"""

from __future__ import annotations

from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.runtime.machine import (
    atomic_add,
    atomic_load,
    atomic_store,
    call_kernel,
    call_plain,
    exchange_if,
    pause,
)

WORD = 8  # bytes

# Columns of a table row.
ADDRESS, WORDS, COUNT, WIDTH, MEET = range(5)
COLUMNS = 5

# Places in a mailbox, in words; the state has a line of its own.
STATE, TABLE, ROWS, REPEATS, RANK, SIZE, BARRIER, WOKEN = 0, 16, 17, 18, 19, 20, 21, 22
MAILBOX = 32
ASLEEP, WATCHING, CAUGHT, POSTED = range(4)

_SPINS_BEFORE_YIELD = 200
_SPINS_BEFORE_SLEEP = 10_000  # some tenths of a millisecond

_jit = njit(nogil=True, cache=True)


@_jit
def _relax(spins, give_way):  # type: ignore[no-untyped-def]
    """Wait for a moment, and now and then offer the processor to others."""
    if spins % _SPINS_BEFORE_YIELD == 0:
        call_plain(give_way)
    else:
        pause()


@_jit
def _meet(barrier, target, give_way):  # type: ignore[no-untyped-def]
    """Wait until everybody is here."""
    atomic_add(barrier, 1)
    spins = 0
    while atomic_load(barrier) < target:
        spins += 1
        _relax(spins, give_way)


@_jit
def run(table, rows, repeats, rank, size, barrier, give_way):  # type: ignore[no-untyped-def]
    """Execute the share of `rank` in all kernels of the table, `repeats` times over."""
    target = 0
    for _ in range(repeats):
        for row in range(rows):
            entry = table + row * COLUMNS * WORD
            if size > 1 and atomic_load(entry + MEET * WORD) != 0:
                target += size
                _meet(barrier, target, give_way)
            width = min(size, atomic_load(entry + WIDTH * WORD))
            if rank < width:
                call_kernel(
                    atomic_load(entry + ADDRESS * WORD),
                    atomic_load(entry + WORDS * WORD),
                    atomic_load(entry + COUNT * WORD),
                    rank,
                    width,
                )


@_jit
def serve(box, give_way):  # type: ignore[no-untyped-def]
    """Watch a mailbox, unless another does; execute what is posted there; at last fall asleep.

    To be compiled before a thread calls it: nobody would hear of an error there.
    """
    state = box + STATE * WORD
    is_mine = exchange_if(state, ASLEEP, WATCHING)
    atomic_add(box + WOKEN * WORD, 1)
    if not is_mine:
        return
    spins = 0
    while spins <= _SPINS_BEFORE_SLEEP or not exchange_if(state, WATCHING, ASLEEP):
        if atomic_load(state) == POSTED:
            run(
                atomic_load(box + TABLE * WORD),
                atomic_load(box + ROWS * WORD),
                atomic_load(box + REPEATS * WORD),
                atomic_load(box + RANK * WORD),
                atomic_load(box + SIZE * WORD),
                atomic_load(box + BARRIER * WORD),
                give_way,
            )
            atomic_store(state, WATCHING)
            spins = 0
        spins += 1
        _relax(spins, give_way)


@_jit
def await_waking(box, before, give_way):  # type: ignore[no-untyped-def]
    """Wait until a thread has begun to watch a mailbox, which it had done `before` times."""
    spins = 0
    while atomic_load(box + WOKEN * WORD) == before:
        spins += 1
        _relax(spins, give_way)


@_jit
def lead(table, rows, repeats, boxes, count, barrier, give_way):  # type: ignore[no-untyped-def]
    """Execute a table with those who watch the first `count` mailboxes, and wait for them."""
    end = boxes + count * MAILBOX * WORD
    size = 1
    for box in range(boxes, end, MAILBOX * WORD):
        if exchange_if(box + STATE * WORD, WATCHING, CAUGHT):
            atomic_store(box + RANK * WORD, size)
            size += 1
    atomic_store(barrier, 0)
    for box in range(boxes, end, MAILBOX * WORD):
        if atomic_load(box + STATE * WORD) == CAUGHT:
            atomic_store(box + TABLE * WORD, table)
            atomic_store(box + ROWS * WORD, rows)
            atomic_store(box + REPEATS * WORD, repeats)
            atomic_store(box + SIZE * WORD, size)
            atomic_store(box + BARRIER * WORD, barrier)
            atomic_store(box + STATE * WORD, POSTED)
    run(table, rows, repeats, 0, size, barrier, give_way)
    for box in range(boxes, end, MAILBOX * WORD):
        spins = 0
        while atomic_load(box + STATE * WORD) == POSTED:
            spins += 1
            _relax(spins, give_way)
