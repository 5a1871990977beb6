"""`nnaccel launch`: the command line in several processes, started by mpiexec."""

from __future__ import annotations

import os
import subprocess
import sys

import click

from nnaccel.cli._common import debug_option
from nnaccel.distributed.mpiexec import find_mpiexec


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
    if command[0].endswith(".py"):
        raise click.UsageError(f"a script needs no launch: mpiexec -n {count} python {command[0]}")
    if command[0] == "train" and "--distributed" not in command:
        command = *command, "--distributed"
    line = [find_mpiexec(), "-n", str(count), sys.executable, "-m", "nnaccel", *command]
    sys.stdout.flush()
    if sys.platform == "win32":
        sys.exit(subprocess.run(line, check=False).returncode)
    os.execv(line[0], line)  # signals then are mpiexec's
