"""Ctrl-C at any moment: status 130, no traceback."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ..processes import HANGS, ROOT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")

#: The console script, which says when it imports something other than itself.
SCRIPT = """
import sys
class Watch:
    def find_spec(self, name, *rest):
        if name == "numpy":
            print("begun", flush=True)
sys.meta_path.insert(0, Watch())
sys.argv[0] = "nnaccel"
from nnaccel.cli import main
main()
"""


def interrupted(
    delay: float, times: int, environment: dict[str, str], save: Path
) -> tuple[int, str]:
    """Status and stderr of a training that gets Ctrl-C after so many seconds."""
    train = ["train", "digits", "--epochs", "3", "--save", str(save)]
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *train],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(delay)
    for _ in range(times):
        process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=HANGS)
    return process.returncode, errors


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_at_any_moment(backend: str, environment: dict[str, str], tmp_path: Path) -> None:
    draw = random.Random()
    environment = {**environment, "NNACCEL_BACKEND": backend}
    for trial in range(8):
        delay, times = draw.uniform(0, 3), draw.choice([1, 2])
        status, errors = interrupted(delay, times, environment, tmp_path / "m")
        assert status in (0, 130), (delay, times, errors)
        assert "Traceback" not in errors, (delay, times, errors)
        assert status == 0 or "interrupted" in errors, (delay, times, trial)


def test_while_it_imports(environment: dict[str, str], tmp_path: Path) -> None:
    status, errors = interrupted(0, 1, environment, tmp_path / "m")
    assert (status, errors.strip().splitlines()[-1:]) == (130, ["nnaccel: interrupted"]), errors


@pytest.mark.parametrize(
    ("program", "is_ours"), [(["-m", "nnaccel"], True), (["-c", "import nnaccel"], False)]
)
def test_only_the_command_line_takes_over(
    program: list[str], is_ours: bool, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, signal\n"
        "atexit.register(lambda: print(signal.getsignal(signal.SIGINT).__module__))\n"
    )
    path = os.pathsep.join([str(tmp_path), environment["PYTHONPATH"]])
    done = subprocess.run(
        [sys.executable, *program],
        env={**environment, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=HANGS,
    )
    assert done.stdout.splitlines()[-1] == ("nnaccel._interrupt" if is_ours else "_signal")


def test_while_generated_code_is_run(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("""
import sys
from nnaccel import _interrupt
try:
    with _interrupt.Raised():
        exec("raise KeyboardInterrupt")
except KeyboardInterrupt:
    sys.exit(_interrupt.STATUS)
""")
    path = os.pathsep.join([str(tmp_path), environment["PYTHONPATH"]])
    run = [sys.executable, "-m", "program"]
    done = subprocess.run(run, env={**environment, "PYTHONPATH": path}, timeout=HANGS)
    assert done.returncode == 130


def test_while_an_import_swallows_it(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "swallows.py").write_text("""
import os, signal
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    raise ImportError("swallowed") from None
""")
    (tmp_path / "program.py").write_text("""
from nnaccel import _interrupt
with _interrupt.Raised():
    import swallows
""")
    path = os.pathsep.join([str(tmp_path), environment["PYTHONPATH"]])
    code = "import sys; sys.argv[0] = 'nnaccel'; import runpy; runpy.run_module('program')"
    run = [sys.executable, "-c", code]
    done = subprocess.run(
        run, env={**environment, "PYTHONPATH": path}, stderr=subprocess.PIPE, timeout=HANGS
    )
    assert (done.returncode, done.stderr) == (130, b"nnaccel: interrupted\n")
