"""Launching, recording and replaying kernels on a thread pool."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from nnaccel_kernels import cpu
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.machine import MAX_WORDS
from nnaccel_kernels.cpu.runtime.sharing import share

from ..processes import python


@kernel
def _count_ranks(rank: Any, size: Any, seen: Any) -> None:
    seen[rank] += 1
    seen[-1] = size


@kernel
def _double(rank: Any, size: Any, x: Any) -> None:
    lo, hi = share(x.size, rank, size)
    for i in range(lo, hi):
        x[i] *= 2


@kernel
def _reverse(rank: Any, size: Any, x: Any, y: Any) -> None:
    lo, hi = share(x.size, rank, size)
    for i in range(lo, hi):
        y[i] = x[x.size - 1 - i]


@kernel
def _sum_of_many(rank, size, a, b, c, d, e, f, g, h, i, j, k, l, n, total):  # type: ignore[no-untyped-def]  # noqa: E741
    total[0] = a[0] + b[0] + c[0] + d[0] + e[0] + f[0] + g[0] + h[0] + i[0] + j[0] + k[0] + l[0] + n


@kernel
def _too_many(rank, size, a, b, c, d, e, f, g, h, i, j, k, l, m, n):  # type: ignore[no-untyped-def]  # noqa: E741
    n[0] = 1


@pytest.fixture(params=[1, 2, 3, 5])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = cpu.runtime.thread_pool.thread_pool().size
    cpu.set_num_threads(request.param)
    yield request.param
    cpu.set_num_threads(before)


def test_every_rank_runs_once_and_no_more_than_asked_for(threads: int) -> None:
    for width in (1, 2, 8):
        seen = np.zeros(9, np.int64)
        _count_ranks(seen, width=width)
        size = seen[-1]
        assert 1 <= size <= min(width, threads)
        assert seen[:-1].tolist() == [1] * size + [0] * (8 - size)


def test_more_ranks_than_work(threads: int) -> None:
    for count in range(4):
        x = np.arange(count)
        _double(x, width=8)
        np.testing.assert_array_equal(x, 2 * np.arange(count))


def test_a_kernel_sees_all_that_the_one_before_wrote(threads: int) -> None:
    """Each reads what other threads wrote: without the barrier they would read too early."""
    x, y = np.arange(1001), np.empty(1001, np.int64)
    with cpu.record() as tape:
        _reverse(x, y, width=threads)
        _double(y, width=threads)
        _reverse(y, x, width=1)
    tape.replay(40)
    np.testing.assert_array_equal(x, np.arange(1001) * 2**40)


def test_narrow_and_wide_kernels_in_turn(threads: int) -> None:
    x, counter = np.ones(500), np.array([0])
    with cpu.record() as tape:
        cpu.kernels.advance(counter)
        _double(x, width=threads)
        cpu.kernels.advance(counter)
        cpu.kernels.advance(counter)
        _double(x, width=1)
    tape.replay(50)
    assert counter[0] == 150
    assert (x == 2.0**100).all()


def test_recording_runs_nothing_and_replaying_nothing_changes_nothing() -> None:
    counter = np.array([0])
    with cpu.record() as tape:
        cpu.kernels.advance(counter)
    tape.replay(0)
    assert counter[0] == 0
    with cpu.record() as empty:
        pass
    empty.replay(3)


def test_records_nest_and_end_with_their_block() -> None:
    counter = np.array([0])
    with cpu.record() as outer:
        cpu.kernels.advance(counter)
        with cpu.record() as inner:
            cpu.kernels.advance(counter)
            cpu.kernels.advance(counter)
    cpu.kernels.advance(counter)
    assert counter[0] == 1
    outer.replay()
    assert counter[0] == 2
    inner.replay()
    assert counter[0] == 4


def test_an_error_ends_the_recording() -> None:
    with pytest.raises(ZeroDivisionError), cpu.record():
        raise ZeroDivisionError
    counter = np.array([0])
    cpu.kernels.advance(counter)
    assert counter[0] == 1


def test_recording_belongs_to_one_thread() -> None:
    counter, elsewhere = np.array([0]), np.array([0])
    with cpu.record():
        cpu.kernels.advance(counter)
        thread = threading.Thread(target=cpu.kernels.advance, args=(elsewhere,))
        thread.start()
        thread.join()
    assert (counter[0], elsewhere[0]) == (0, 1)


def test_a_tape_keeps_its_arrays_alive() -> None:
    out = np.empty((1000, 3), np.float32)

    def record() -> Any:
        data = np.full((1000, 3), 4.0)
        with cpu.record() as tape:
            cpu.kernels.gather_rows(data, np.arange(1000), np.array([0]), 1000, 0.5, out)
        return tape

    tape = record()
    gc.collect()
    rubbish = [np.full((1000, 3), np.nan) for _ in range(50)]
    tape.replay()
    assert (out == 2).all()
    del rubbish


def test_kernels_take_many_arguments() -> None:
    arrays = [np.array([float(i)]) for i in range(1, 13)]
    total = np.zeros(1)
    _sum_of_many(*arrays, 100, total)
    assert total[0] == sum(range(1, 13)) + 100


def test_too_many_arguments_are_refused() -> None:
    assert MAX_WORDS < 14 * 7, "this needs more words than there may be"
    with pytest.raises(ValueError, match="argument"):
        _too_many(*[np.zeros(1) for _ in range(14)])


def test_strided_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="contiguous"):
        _double(np.zeros(10)[::2])


def test_python_threads_launch_at_once() -> None:
    before = cpu.runtime.thread_pool.thread_pool().size
    cpu.set_num_threads(3)
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            x = np.random.default_rng(seed).standard_normal(4000)
            y, z = np.empty_like(x), x.copy()
            with cpu.record() as tape:
                _reverse(z, y, width=3)
                _reverse(y, z, width=3)
                _double(z, width=3)
            for _ in range(30):
                tape.replay(10)
                z /= 2.0**10
                np.testing.assert_array_equal(z, x)
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    cpu.set_num_threads(before)
    assert not errors


def run_script(script: str, **environment: str) -> str:
    """Run a script after work on a pool of three threads, and return what it printed."""
    start = """
import os, signal, sys, threading
import numpy as np
from nnaccel import get_backend
from nnaccel_kernels import cpu
from nnaccel_kernels.segments import Segment

get_backend("numba")  # knows where compiled kernels are kept

def work(n=200_000):
    x = np.linspace(-1, 1, n).astype(np.float32)
    y = np.empty_like(x)
    cpu.kernels.activate("tanh", 0.0, x, y)
    return bool(np.allclose(y, np.tanh(x), rtol=1e-5))

cpu.set_num_threads(3)
assert work()
"""
    done = python("-W", "error", "-c", start + script, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_computes() -> None:
    script = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads: what is tested here
child = os.fork()
if not child:
    os._exit(0 if work() else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), work())
"""
    assert run_script(script).split() == ["0", "True"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_replays_its_parents_tape() -> None:
    """It asks its own pool how prompt the threads are: the parent's threads are not there."""
    script = """
import warnings
from nnaccel_kernels.cpu.runtime.thread_pool import thread_pool
warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads: what is tested here
w, g = np.zeros(300_000), np.ones(300_000)
with cpu.record() as tape:
    cpu.kernels.sgd(w, g, (Segment(0, w.size),), np.array([-1.0]), np.array([0]))
tape.replay(20)
thread_pool()._next_look = 0.0
child = os.fork()
if not child:
    signal.alarm(60)
    tape._autotune._trials = [True]
    tape.replay(20)
    os._exit(0 if (w == 40).all() else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert run_script(script).split() == ["0"]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT to oneself ends a process on Windows")
def test_ctrl_c_during_a_long_replay_leaves_the_process_usable() -> None:
    script = """
w, g = np.zeros(300_000), np.ones(300_000)
with cpu.record() as tape:
    cpu.kernels.sgd(w, g, (Segment(0, w.size),), np.array([-1.0]), np.array([0]))
    cpu.kernels.clip_value(g, 5.0)
tape.replay(2)
threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    for _ in range(10_000):
        tape.replay(20)
    print("never interrupted")
except KeyboardInterrupt:
    print("interrupted", work(), (w == w[0]).all())
    before = w[0]
    tape.replay(3)
    print(w[0] - before)
"""
    assert run_script(script).split() == ["interrupted", "True", "True", "3.0"]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT to oneself ends a process on Windows")
def test_ctrl_c_while_a_table_is_posted_leaves_the_process_usable() -> None:
    script = """
import time
from nnaccel_kernels.window import Window
x = np.linspace(-1, 1, 50_000).astype(np.float32)
y = np.empty_like(x)
images, w = np.ones((2, 1, 8, 8), np.float32), np.ones((4, 1, 3, 3), np.float32)

def convolve():
    maps = np.zeros((2, 4, 6, 6), np.float32)
    cpu.kernels.conv2d(images, w, None, Window((3, 3)), 1, "linear", 0.0, "gemm", maps)
    return (maps == 9).all()

assert convolve()
end = time.perf_counter() + 3
done = threading.Event()
launching = interrupts = 0

def interrupt(*_):  # once in each try, and never outside
    global launching, interrupts
    if launching:
        launching, interrupts = False, interrupts + 1
        raise KeyboardInterrupt

def poke():
    while not done.wait(0.001):
        os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, interrupt)
poker = threading.Thread(target=poke)
poker.start()
while time.perf_counter() < end:
    try:
        launching = True
        while time.perf_counter() < end:
            cpu.kernels.activate("relu", 0.0, x, y)
            convolve()
        launching = False
    except KeyboardInterrupt:
        pass
done.set()
poker.join()
print(interrupts > 20, work(), convolve())
"""
    assert run_script(script).split() == ["True", "True", "True"]


def test_launches_while_python_shuts_down() -> None:
    script = """
import atexit, time
atexit.register(lambda: print(work()))
time.sleep(0.2)  # until the workers sleep
"""
    assert run_script(script).split() == ["True"]
