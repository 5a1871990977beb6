"""The tasks of a checkout: by make, and without it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

import tasks

from .processes import ROOT, python

Calls = list[tuple[str, ...]]


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What is run, without the paths of an environment that is made where nothing is."""
    found: Calls = []

    def call(command: tuple[str, ...], **settings: object) -> int:
        found.append(tuple(Path(word).stem if os.sep in word else word for word in command))
        if "venv" in command:
            pip = Path(tasks.program("pip"))
            pip.parent.mkdir(parents=True)
            pip.touch()
        return 0

    monkeypatch.setattr(tasks, "VENV", tmp_path / "venv")
    monkeypatch.setattr(tasks.subprocess, "call", call)
    monkeypatch.setattr(tasks.signal, "signal", lambda *of: None)
    return found


def test_make_has_the_same_tasks() -> None:
    listed = re.search(r"^TASKS := help (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert listed is not None
    assert listed[1].split() == list(tasks.TASKS)


def test_what_a_task_needs_is_installed_once(calls: Calls, tmp_path: Path) -> None:
    tasks.main(["test", "-k", "wheel"])
    made, installed, ran = calls
    assert made[1:4] == ("-m", "venv", "--clear")
    assert installed == ("python", "-m", "pip", "install", "-q", "-e", ".[test]")
    assert ran == ("python", "-m", "pytest", *tasks.PARALLEL, "-k", "wheel")
    tasks.main(["lint"])
    assert [call[2] for call in calls[3:]] == ["ruff", "ruff", "mypy"]
    os.utime(tmp_path / "venv" / "installed-test", (0, 0))  # before pyproject.toml changed
    tasks.main(["check"])
    assert calls[6] == installed
    assert calls[-1][-2:] == ("-m", "not slow")
    tasks.main(["train"])  # needs less, which has not been installed by itself
    assert calls[-2][-1] == "."


def test_programs_are_where_each_system_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "VENV", "venv")
    for system, path in (("posix", ("bin", "pip")), ("nt", ("Scripts", "pip.exe"))):
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(os, "name", system)
            found = tasks.program("pip")
        assert found == os.path.join("venv", *path)


def test_a_failure_ends_a_task_with_its_status() -> None:
    with pytest.raises(SystemExit) as left:
        tasks.run(sys.executable, "-c", "import sys; sys.exit(3)")
    assert left.value.code == 3


def test_tasks_are_listed_and_unknown_ones_refused() -> None:
    listed, unknown = python("tasks.py"), python("tasks.py", "tets")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == list(tasks.TASKS)
    assert listed.returncode == 0
    assert unknown.returncode == 1
    assert unknown.stderr == "there is no task 'tets'\n"


def test_options_that_a_task_does_not_take_are_told(calls: Calls) -> None:
    for name in ("lint", "docs", "pictures", "clean"):
        with pytest.raises(SystemExit, match=f"{name} takes no options, but got --fix"):
            tasks.main([name, "--fix"])
    assert calls == []
