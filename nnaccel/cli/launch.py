"""`nnaccel launch`: the command line in several processes, started by mpiexec."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click

from nnaccel.cli._common import debug_option


@click.command(
    "launch",
    context_settings={"ignore_unknown_options": True},
    short_help="Run a command in several processes.",
)
@click.option("-n", "count", type=click.IntRange(1), required=True, help="Processes.", metavar="N")
@debug_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def launch_command(count: int, command: tuple[str, ...]) -> None:
    """Run COMMAND in N processes of this machine: nnaccel launch -n 4 train mnist.

    That is mpiexec -n N nnaccel COMMAND, with --distributed for train. Of several machines, call
    mpiexec or srun yourself.
    """
    mpiexec = find_mpiexec()
    if mpiexec is None:
        raise click.ClickException(
            "there is no mpiexec, neither beside this Python nor on the path. To fix: pip install "
            "'nnaccel[mpi]'"
        )
    if command[0] == "train" and "--distributed" not in command:
        command = *command, "--distributed"
    line = [mpiexec, "-n", str(count), sys.executable, "-m", "nnaccel", *command]
    sys.stdout.flush()
    if sys.platform == "win32":
        sys.exit(subprocess.run(line, check=False).returncode)
    os.execv(line[0], line)  # signals then are mpiexec's


def find_mpiexec() -> str | None:
    """Return the path of the mpiexec that was installed beside this Python, else of any other."""
    beside = Path(sys.executable).parent / "mpiexec"
    return str(beside) if beside.is_file() else shutil.which("mpiexec")
