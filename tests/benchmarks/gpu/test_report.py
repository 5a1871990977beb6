"""Outcomes of benchmarks, and the table of them."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.gpu import report


def test_a_benchmark_that_fails_does_not_stop_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> list[Any]:
        raise ValueError("out of luck")

    row = report.Row("a product", "ms", {"nnaccel": 1.0})
    kept: list[int] = []
    found = report.run_all(
        {"bad": fail, "good": lambda: [row]},
        lambda: "",
        lambda outcomes: kept.append(len(outcomes)),
    )
    assert [(o.name, o.status, o.error) for o in found] == [
        ("bad", "failed", "ValueError: out of luck"),
        ("good", "measured", ""),
    ]
    assert kept == [1, 2, 2]
    assert "bad: failed: ValueError: out of luck" in capsys.readouterr().out


def test_what_is_left_when_the_time_is_up_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    obstacles = iter(["", "the time is up", "the time is up"])
    row = report.Row("first", "ms", {"nnaccel": 1.0})
    names = ("first", "second", "third")
    found = report.run_all(
        dict.fromkeys(names, lambda: [row]), lambda: next(obstacles), lambda outcomes: None
    )
    unrun = "not yet run on a GPU"
    assert [outcome.status for outcome in found] == ["measured", unrun, unrun]
    assert "second: left out, the time is up" in capsys.readouterr().out
    assert f"second  {unrun}" in report.table(found)


def test_the_table_shows_units_and_how_many_times_as_fast() -> None:
    rows = (
        report.Row("mlp", "ms", {"nnaccel": 20, "PyTorch eager": 1500, "PyTorch graph": 30}),
        report.Row("copy", "GB/s", {"nnaccel": 1900, "device copy": 2000, "PyTorch eager": 0}),
        report.Row("alone", "ms", {"nnaccel": 0.1234}),
    )
    lines = report.table([report.Outcome("all", "measured", rows)]).splitlines()
    assert [" ".join(line.split()) for line in lines[1:4]] == [
        "mlp 20.0 ms 1.50 s 30.0 ms 1.50",
        "copy 1,900 GB/s 0 GB/s - 0.95",
        "alone 0.123 ms - - -",
    ]
