"""The tests marked `gpu`, in a process of their own that ends in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]
_GRACE = 30.0  # seconds to write the report in, after an interrupt


@dataclass(frozen=True)
class Tests:
    """How many tests came out which way; an error is a failure outside the test's own lines."""

    passed: int
    failed: int
    errors: int
    skipped: int
    timed_out: bool

    @property
    def ok(self) -> bool:
        """Whether all ran and passed; a skip of theirs is a failure already."""
        return self.passed > 0 and not (self.failed or self.errors or self.timed_out)

    def __str__(self) -> str:
        """One line."""
        counts = f"{self.passed} passed, {self.failed} failed, {self.errors} errors"
        late = "; stopped, the time was up" if self.timed_out else ""
        return f"tests marked gpu: {counts}, {self.skipped} skipped{late}"


def run_tests(
    folder: Path, seconds: float, paths: Sequence[str | Path] = (), options: Sequence[str] = ()
) -> Tests:
    """Run them; `gpu-tests.txt` and `gpu-tests.xml` in the folder tell the rest.

    Parameters
    ----------
    folder : Path
    seconds : float
        After which pytest is interrupted, and counts what it has.
    paths : sequence of path, optional
        Tests to choose from; all by default.
    options : sequence of str, optional
        For pytest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    xml, text = folder / "gpu-tests.xml", folder / "gpu-tests.txt"
    xml.unlink(missing_ok=True)
    # A test module that cannot be imported here must not keep the others from running.
    settings = ["-m", "gpu", "-q", "--continue-on-collection-errors", f"--junitxml={xml}"]
    command = [sys.executable, "-m", "pytest", *settings, *options, *map(str, paths)]
    env = os.environ | {"NNACCEL_REQUIRE_GPU": "1"}
    with text.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out)
        timed_out = not _ends(process, seconds)
        if timed_out:
            process.send_signal(signal.SIGINT)
            if not _ends(process, _GRACE):
                process.kill()
                process.wait()
    return _count(xml, timed_out)


def _ends(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _count(xml: Path, timed_out: bool) -> Tests:
    """Read pytest's report; without one nothing is known to have passed."""
    if not xml.is_file():
        return Tests(0, 0, 1, 0, timed_out)
    suites = list(ElementTree.parse(xml).getroot().iter("testsuite"))

    def total(name: str) -> int:
        return sum(int(suite.get(name, 0)) for suite in suites)

    failed, errors, skipped = map(total, ("failures", "errors", "skipped"))
    return Tests(total("tests") - failed - errors - skipped, failed, errors, skipped, timed_out)
