"""What commands with many things to do show meanwhile."""

from __future__ import annotations

import io
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from nnaccel.cli import _progress
from nnaccel.cli._progress import progress
from nnaccel.training.callbacks._bars import TerminalBar


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal of 60 columns gets."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=60, color_system=None)
    monkeypatch.setattr(_progress, "make_bar", lambda _: TerminalBar(console))
    is_terminal(monkeypatch, True)
    return written


def is_terminal(monkeypatch: pytest.MonkeyPatch, is_one: bool) -> None:
    stderr = SimpleNamespace(isatty=lambda: is_one)
    monkeypatch.setattr(_progress, "sys", SimpleNamespace(stderr=stderr))


def test_a_bar_tells_what_of_how_much_is_being_done(screen: io.StringIO) -> None:
    with progress(3) as show:
        for name in ("a.png", "b" * 99 + "\x1b[2J", "c.png"):
            show(name)
    lines = re.findall(r"\d/3 [^\r\n\x1b]*", screen.getvalue())
    assert sorted({line.split()[0] for line in lines}) == ["0/3", "1/3", "2/3"]
    assert "a.png" in lines[0]
    assert " left" not in lines[0]
    assert re.search(r"b…\s+\d+:\d\d left", lines[1])
    assert max(map(len, lines)) <= 60


def test_nothing_is_shown_of_one_thing_or_without_a_terminal(
    screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    with progress(1) as show:
        show("a.png")
    is_terminal(monkeypatch, False)
    with progress(9) as show:
        show("a.png")
    assert screen.getvalue() == ""


def test_an_error_removes_the_bar(screen: io.StringIO) -> None:
    def fail() -> None:
        with progress(2) as show:
            show("a.png")
            raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        fail()
    assert "0/2" in screen.getvalue()
    assert screen.getvalue().rpartition("\x1b[?25")[2][0] == "h"  # the cursor is back


def test_predict_and_filters_show_it(
    call: Any, model: Path, pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    class Shown:
        width = 80

        def show(self, label: str, share: float | None, text: str) -> None:
            told.append(f"{label} {text}")

        def close(self) -> None:
            told.append("closed")

    monkeypatch.setattr(_progress, "make_bar", lambda _: Shown())
    is_terminal(monkeypatch, True)
    assert call("predict", model, *pictures).returncode == 0
    assert [line[:3] for line in told] == ["0/4", "1/4", "2/4", "3/4", "clo"]
    told.clear()
    assert call("filters", "--random", "5", "-o", tmp_path / "sheet.png").returncode == 0
    assert told[0] == "0/2 laying out 5 maps"
    assert told[-1] == "closed"
