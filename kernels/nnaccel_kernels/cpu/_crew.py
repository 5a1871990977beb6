"""What the threads of a team execute: tables of kernels, and waiting for one another.

The threads execute the whole table side by side (the SPMD style of MPI), each doing its share of
every kernel, so a step of training costs no thread start and no trip through Python. A barrier is
one atomic counter that everybody raises and then watches [1]_.

A thread that has done its share does not go to sleep at once: it watches its mailbox for a while,
for the next table is often close behind, and waking a thread takes longer than many a kernel.

.. [1] J. M. Mellor-Crummey and M. L. Scott, "Algorithms for scalable synchronization on
   shared-memory multiprocessors", ACM TOCS 9(1), 1991.
"""

from __future__ import annotations

from numba import njit, types

from nnaccel_kernels.cpu._machine import (
    atomic_add,
    atomic_load,
    atomic_store,
    call_kernel,
    call_plain,
    exchange_if,
    pause,
)

WORD = 8  # bytes
LINE = 16 * WORD  # keeps words that several threads watch on cache lines of their own

# Columns of a table row.
ADDRESS, WORDS, COUNT, WIDTH, MEET = range(5)
COLUMNS = 5

# Places in the signals of a run, in bytes.
BARRIER, ABORT, DONE = 0, LINE, 2 * LINE
SIGNALS = 3 * LINE

# Places in a mailbox, in words; the state has a line of its own.
STATE, TABLE, ROWS, REPEATS, RANK, SIZE, RUN = 0, 16, 17, 18, 19, 20, 21
MAILBOX = 2 * LINE
ASLEEP, WATCHING, POSTED = range(3)

_SPINS_BEFORE_YIELD = 200
_SPINS_BEFORE_SLEEP = 10_000  # some tenths of a millisecond

_jit = njit(nogil=True, cache=True)


@_jit
def _meet(signals, target, give_way):  # type: ignore[no-untyped-def]
    """Wait until everybody is here; False when the team was told to stop."""
    atomic_add(signals + BARRIER, 1)
    spins = 0
    while atomic_load(signals + BARRIER) < target:
        if atomic_load(signals + ABORT) != 0:
            return False
        spins += 1
        if spins % _SPINS_BEFORE_YIELD == 0:
            call_plain(give_way)
        else:
            pause()
    return True


@_jit
def run(table, rows, repeats, rank, size, signals, give_way):  # type: ignore[no-untyped-def]
    """Execute the share of `rank` in all kernels of the table, `repeats` times over."""
    target = 0
    for _ in range(repeats):
        for row in range(rows):
            entry = table + row * COLUMNS * WORD
            if size > 1 and atomic_load(entry + MEET * WORD) != 0:
                target += size
                if not _meet(signals, target, give_way):
                    return
            width = min(size, atomic_load(entry + WIDTH * WORD))
            if rank < width:
                call_kernel(
                    atomic_load(entry + ADDRESS * WORD),
                    atomic_load(entry + WORDS * WORD),
                    atomic_load(entry + COUNT * WORD),
                    rank,
                    width,
                )


# Compiled when imported: an error in a thread of its own would never be heard of.
@njit(types.void(types.int64, types.int64), nogil=True, cache=True)
def serve(mailbox, give_way):  # type: ignore[no-untyped-def]
    """Execute what lies in the mailbox, and what comes soon after; then fall asleep."""
    while True:
        signals = atomic_load(mailbox + RUN * WORD)
        run(
            atomic_load(mailbox + TABLE * WORD),
            atomic_load(mailbox + ROWS * WORD),
            atomic_load(mailbox + REPEATS * WORD),
            atomic_load(mailbox + RANK * WORD),
            atomic_load(mailbox + SIZE * WORD),
            signals,
            give_way,
        )
        atomic_store(mailbox + STATE * WORD, WATCHING)
        atomic_add(signals + DONE, 1)
        spins = 0
        while atomic_load(mailbox + STATE * WORD) == WATCHING:
            spins += 1
            if spins > _SPINS_BEFORE_SLEEP and exchange_if(mailbox, WATCHING, ASLEEP):
                return
            if spins % _SPINS_BEFORE_YIELD == 0:
                call_plain(give_way)
            else:
                pause()


@_jit
def catch(mailbox):  # type: ignore[no-untyped-def]
    """Post what lies in the mailbox to a thread that watches it; False if it is asleep."""
    return exchange_if(mailbox + STATE * WORD, WATCHING, POSTED) != 0


@_jit
def wait_for(count, signals, give_way):  # type: ignore[no-untyped-def]
    """Wait until that many threads are done."""
    spins = 0
    while atomic_load(signals + DONE) < count:
        spins += 1
        if spins % _SPINS_BEFORE_YIELD == 0:
            call_plain(give_way)
        else:
            pause()


@_jit
def lead(table, rows, repeats, size, signals, give_way):  # type: ignore[no-untyped-def]
    """Execute the share of rank 0, and wait for the others."""
    run(table, rows, repeats, 0, size, signals, give_way)
    wait_for(size - 1, signals, give_way)
