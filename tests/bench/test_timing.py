from __future__ import annotations

import sys

import pytest

from nnaccel.bench.timing import Timing, compare
from tests.processes import python


def test_contestants_take_turns() -> None:
    calls: list[str] = []
    runs = {name: lambda name=name: calls.append(name) for name in "abc"}
    timings = compare(runs, repeats=2, pause=0)
    assert "".join(calls) == "abc" * 3
    assert [len(t.seconds) for t in timings.values()] == [2, 2, 2]


def test_statistics() -> None:
    timing = Timing(first=9.0, seconds=(1.0, 2.0, 3.0, 4.0, 100.0))
    assert (timing.median, timing.iqr) == (3.0, 2.0)


def test_a_ratio_is_taken_turn_by_turn() -> None:
    steady = Timing(1.0, (1.0, 5.0, 1.0))  # the machine was slow in the second turn, for both
    slower = Timing(1.0, (2.0, 10.0, 2.0))
    assert slower.ratio_to(steady) == 2.0
    assert steady.ratio_to(slower) == 0.5


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_for_terminals(
    terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    compare({"quick": lambda: None}, repeats=1, pause=0)
    out, err = capsys.readouterr()
    assert not out
    assert ("turn 1 of 1: quick" in err) is terminal


def test_at_least_one_turn() -> None:
    with pytest.raises(ValueError, match="repeats is 0"):
        compare({}, repeats=0)


def test_cpu_time_does_not_count_waiting() -> None:
    code = (
        "import time; from nnaccel.bench.timing import measure, use_cpu_time; use_cpu_time();"
        "assert measure(lambda: time.sleep(0.3))[0] < 0.1;"
        "from nnaccel import _config; assert _config.num_threads() == 1;"
        "import numpy as np; from threadpoolctl import threadpool_info;"
        "assert all(pool['num_threads'] == 1 for pool in threadpool_info())"
    )
    done = python("-c", code)
    assert not done.returncode, done.stderr
