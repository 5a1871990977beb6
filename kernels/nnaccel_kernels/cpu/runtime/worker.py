"""Workers: the threads of the pool, which execute tables of kernels with barriers between them.

All threads execute the whole table, each its share of every kernel (the SPMD style of MPI), so a
step of training starts no thread and runs no Python. A barrier is one atomic counter, which every
thread increments and then polls [1]_.

A worker does not sleep as soon as a table is done. It polls its mailbox for a while, since the next
table is often close and waking a thread takes longer than many a kernel. Workers that poll when a
table is posted take part in it. Posting and waiting are one call, so that no Ctrl-C comes between.

.. [1] J. M. Mellor-Crummey and M. L. Scott, "Algorithms for scalable synchronization on
   shared-memory multiprocessors", ACM TOCS 9(1), 1991.
"""

from __future__ import annotations

from nnaccel_kernels.cpu.runtime.jit import njit
from nnaccel_kernels.cpu.runtime.machine import (
    atomic_add,
    atomic_load,
    atomic_store,
    call_function,
    call_kernel,
    compare_exchange,
    pause,
)

WORD = 8  # bytes

# Columns of a table row.
ADDRESS, WORDS, COUNT, WIDTH, HAS_BARRIER = range(5)
COLUMNS = 5

# Words of a mailbox; the state has a cache line of its own.
STATE, TABLE, ROWS, REPEATS, RANK, SIZE, BARRIER, WAKEUPS = 0, 16, 17, 18, 19, 20, 21, 22
MAILBOX = 32
ASLEEP, POLLING, RESERVED, POSTED = range(4)

_SPINS_BEFORE_YIELD = 200
_SPINS_BEFORE_SLEEP = 10_000  # some tenths of a millisecond

_jit = njit(nogil=True, cache=True)


@_jit
def _wait(spins, yield_address):  # type: ignore[no-untyped-def]
    """Wait a moment, and now and then yield the processor to other threads."""
    if spins % _SPINS_BEFORE_YIELD == 0:
        call_function(yield_address)
    else:
        pause()


@_jit
def _barrier(barrier, target, yield_address):  # type: ignore[no-untyped-def]
    """Wait until all threads are here: the counter has reached the target."""
    atomic_add(barrier, 1)
    spins = 0
    while atomic_load(barrier) < target:
        spins += 1
        _wait(spins, yield_address)


@_jit
def run(table, rows, repeats, rank, size, barrier, yield_address):  # type: ignore[no-untyped-def]
    """Execute the share of `rank` in all kernels of a table, `repeats` times."""
    target = 0
    for _ in range(repeats):
        for row in range(rows):
            entry = table + row * COLUMNS * WORD
            if size > 1 and atomic_load(entry + HAS_BARRIER * WORD) != 0:
                target += size
                _barrier(barrier, target, yield_address)
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
def serve(box, yield_address):  # type: ignore[no-untyped-def]
    """Poll a mailbox and run the tables posted there; return after a while without one, to sleep.

    Return at once if another worker polls it. To be compiled before a thread calls it: an error
    inside a worker thread would be lost.
    """
    state = box + STATE * WORD
    is_mine = compare_exchange(state, ASLEEP, POLLING)
    atomic_add(box + WAKEUPS * WORD, 1)
    if not is_mine:
        return
    spins = 0
    while spins <= _SPINS_BEFORE_SLEEP or not compare_exchange(state, POLLING, ASLEEP):
        if atomic_load(state) == POSTED:
            run(
                atomic_load(box + TABLE * WORD),
                atomic_load(box + ROWS * WORD),
                atomic_load(box + REPEATS * WORD),
                atomic_load(box + RANK * WORD),
                atomic_load(box + SIZE * WORD),
                atomic_load(box + BARRIER * WORD),
                yield_address,
            )
            atomic_store(state, POLLING)
            spins = 0
        spins += 1
        _wait(spins, yield_address)


@_jit
def await_wakeup(box, before, yield_address):  # type: ignore[no-untyped-def]
    """Wait until a worker polls a mailbox whose count of wake-ups was `before`."""
    spins = 0
    while atomic_load(box + WAKEUPS * WORD) == before:
        spins += 1
        _wait(spins, yield_address)


@_jit
def run_together(table, rows, repeats, boxes, count, barrier, yield_address):  # type: ignore[no-untyped-def]
    """Execute a table with the workers that poll the first `count` mailboxes; wait for all."""
    end = boxes + count * MAILBOX * WORD
    size = 1
    for box in range(boxes, end, MAILBOX * WORD):
        if compare_exchange(box + STATE * WORD, POLLING, RESERVED):
            atomic_store(box + RANK * WORD, size)
            size += 1
    atomic_store(barrier, 0)
    for box in range(boxes, end, MAILBOX * WORD):
        if atomic_load(box + STATE * WORD) == RESERVED:
            atomic_store(box + TABLE * WORD, table)
            atomic_store(box + ROWS * WORD, rows)
            atomic_store(box + REPEATS * WORD, repeats)
            atomic_store(box + SIZE * WORD, size)
            atomic_store(box + BARRIER * WORD, barrier)
            atomic_store(box + STATE * WORD, POSTED)
    run(table, rows, repeats, 0, size, barrier, yield_address)
    for box in range(boxes, end, MAILBOX * WORD):
        spins = 0
        while atomic_load(box + STATE * WORD) == POSTED:
            spins += 1
            _wait(spins, yield_address)
