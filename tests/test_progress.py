"""What a run of the tests says of itself, and how it shares out the cores."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nnaccel import _config

from .each_backend import NO_GPU
from .processes import ROOT, Done, python

TESTS = """
import os

def test_that_fails(): assert "apples" == "pears"

def test_that_passes(): print(os.environ.get("NNACCEL_NUM_THREADS"))
"""


def run(folder: Path, *options: object) -> Done:
    """Run those tests as pytest runs ours."""
    file = folder / "test_fruit.py"
    file.write_text(TESTS, "utf-8")
    ours = "-v", "-c", ROOT / "pyproject.toml", "-p", "tests.conftest"
    return python("-m", "pytest", *ours, "-o", f"cache_dir={folder / 'cache'}", *options, file)


def test_failures_are_shown_at_once_and_cores_are_shared_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NNACCEL_NUM_THREADS", raising=False)
    said = run(tmp_path, "-n", 2, "-rP").stdout
    assert "1 failed, 1 passed" in said
    shown, _, again = said.partition(" FAILURES ")
    assert "test_that_fails (call)" in shown
    assert "'apples' == 'pears'" in shown
    assert "'apples' == 'pears'" in again
    assert f"\n{max(1, _config.num_threads() // 2)}\n" in again
    assert os.environ.get("NNACCEL_NUM_THREADS") is None


def test_a_run_says_how_long_it_took_before_and_what_it_leaves_out(tmp_path: Path) -> None:
    first, second = (run(tmp_path, "-k", "passes").stdout for _ in range(2))
    assert "expected duration" not in first
    assert "expected duration: 0 min" in second
    assert ("no tests on cupy: " in second) == bool(NO_GPU)
