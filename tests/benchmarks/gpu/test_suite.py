"""The tests marked `gpu` in a process of their own: what is counted, and that it ends in time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu import suite

from ...processes import HANGS, ON_PATH, ROOT

SKIPPED = """
import pytest

@pytest.mark.gpu
def test_on_a_gpu(): pytest.skip("no GPU here")

@pytest.fixture
def device(): pytest.skip("no device")

@pytest.mark.gpu
def test_on_a_device(device): pass

@pytest.mark.gpu
def test_that_passes(): pass

def test_elsewhere(): pytest.skip("of no interest")
"""


def test_a_skip_of_a_gpu_test_is_a_failure_where_one_is_required(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "test_skips.py"
    file.write_text(SKIPPED, "utf-8")
    options = ("-c", ROOT / "pyproject.toml", "-p", "tests.conftest", "-p", "no:cacheprovider")
    monkeypatch.setenv("PYTHONPATH", ON_PATH["PYTHONPATH"])
    tests = suite.run_tests(tmp_path, HANGS, [file], [*map(str, options)])
    text = (tmp_path / "gpu-tests.txt").read_text("utf-8")
    assert (tests.passed, tests.failed + tests.errors, tests.skipped) == (1, 2, 0), text
    assert not tests.ok
    assert "allows no skip of a gpu test: no GPU here" in text.replace("Skipped: ", "")


def test_tests_that_take_too_long_are_stopped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, begun = tmp_path / "test_slow.py", tmp_path / "begun"
    file.write_text(
        "import pathlib, time, pytest\npytestmark = pytest.mark.gpu\n"
        "def test_quick(): pass\n"
        f"def test_slow(): pathlib.Path({str(begun)!r}).touch(); time.sleep(900)\n",
        "utf-8",
    )
    ends = suite._ends

    def ends_or_begins(process: Any, seconds: float) -> bool:
        """Wait for the slow test to begin, rather than for a time, which depends on the machine."""
        while seconds == 30 and not begun.exists() and process.poll() is None:
            time.sleep(0.05)
        return seconds != 30 and ends(process, seconds)

    monkeypatch.setattr(suite, "_ends", ends_or_begins)
    monkeypatch.setattr(suite, "_GRACE", HANGS)
    options = ("-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider")
    tests = suite.run_tests(tmp_path, 30, [file], options)
    text = (tmp_path / "gpu-tests.txt").read_text("utf-8")
    assert (tests.passed, tests.failed, tests.timed_out) == (1, 0, True), text
