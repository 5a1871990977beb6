"""Placement: threads that wake up together do not share a processor."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from nnaccel_kernels.cpu.runtime import placement

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells where a thread runs")


def sit(found: placement.Placement, only: set[int]) -> set[int]:
    """Take a seat in a new thread that may run on `only` these; return where it may run then."""
    allowed: list[set[int]] = []

    def run() -> None:
        os.sched_setaffinity(0, {min(only)})  # where it stays when it may run elsewhere
        os.sched_setaffinity(0, only)
        found.take()
        allowed.append(os.sched_getaffinity(0))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return allowed[0]


@LINUX
def test_a_thread_moves_to_a_free_processor_and_may_be_moved_on() -> None:
    allowed = os.sched_getaffinity(0)
    if len(allowed) < 2:
        pytest.skip("this process may use one processor only")
    found = placement.Placement()
    free = max(allowed)
    found._taken = allowed - {free}
    assert sit(found, allowed) == allowed
    assert free in found._taken


@LINUX
def test_a_thread_that_may_run_nowhere_else_stays() -> None:
    found = placement.Placement()
    only = {min(os.sched_getaffinity(0))}
    found._taken = set(only)
    assert sit(found, only) == only


@LINUX
def test_a_thread_that_may_not_be_moved_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    found = placement.Placement()
    monkeypatch.setattr(placement, "_processor", lambda: -1)
    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    found._taken = {-1}
    found.take()
    assert found._taken == {-1}


def test_where_nothing_tells_the_processor_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "_processor", None)
    found = placement.Placement()
    found.take()
    assert found._taken == set()
