"""Seats: threads that wake up together do not share a processor."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from nnaccel_kernels.cpu.runtime import seats


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells where a thread runs")
def test_a_thread_moves_to_a_free_processor_and_may_be_moved_on() -> None:
    allowed = os.sched_getaffinity(0)
    if len(allowed) < 2:
        pytest.skip("this process may use one processor only")
    found = seats.Seats()
    busy, free = sorted(allowed)[:2]
    found._allowed, found._taken = {busy, free}, {busy}

    def sit() -> None:
        os.sched_setaffinity(0, {busy})
        found.take()
        found._allowed = os.sched_getaffinity(0)

    thread = threading.Thread(target=sit)
    thread.start()
    thread.join()
    assert found._taken == {busy, free}
    assert found._allowed == {busy, free}
    assert os.sched_getaffinity(0) == allowed


def test_without_a_free_processor_a_thread_stays() -> None:
    found = seats.Seats()
    found._allowed = set(found._taken)
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    found.take()
    assert (os.sched_getaffinity(0) if before else set()) == before


def test_where_nothing_tells_the_processor_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seats, "_processor", None)
    found = seats.Seats()
    found.take()
    assert found._taken == set()
