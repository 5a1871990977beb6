"""The command line: `nnaccel info`, `train`, `evaluate`, `predict` and the others."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from nnaccel import _interrupt
from nnaccel.backends import BackendUnavailableError
from nnaccel.backends._info import version_of
from nnaccel.cli._common import echo
from nnaccel.cli.bench import bench_command
from nnaccel.cli.evaluate import evaluate_command
from nnaccel.cli.export import export_command
from nnaccel.cli.filters import filters_command
from nnaccel.cli.info import info_command
from nnaccel.cli.launch import launch_command
from nnaccel.cli.predict import predict_command
from nnaccel.cli.regress import regress_command
from nnaccel.cli.train import train_command
from nnaccel.cli.warmup import warmup_command

__all__ = ["main"]

#: What bad input raises: told in one line. Anything else is a fault of nnaccel.
_BAD_INPUT = (
    ValueError,
    OSError,
    ArithmeticError,
    BackendUnavailableError,
    ModuleNotFoundError,
    MemoryError,
)


def _show_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    """Print the version and leave."""
    if asked:
        echo(f"nnaccel {version_of('nnaccel') or 'of a checkout that is not installed'}")
        ctx.exit()


@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
@click.group(context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.pass_context
def nnaccel(ctx: click.Context) -> None:
    """Train neural networks on NumPy, Numba or CuPy arrays.

    Start with `nnaccel train`. The backend is the best that runs here, or what NNACCEL_BACKEND
    names.
    """
    if ctx.invoked_subcommand is None:
        echo(ctx.get_help())


for _command in (
    info_command,
    train_command,
    evaluate_command,
    predict_command,
    export_command,
    filters_command,
    regress_command,
    bench_command,
    warmup_command,
    launch_command,
):
    nnaccel.add_command(_command)


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Exit status: 0 done, 1 a fault of nnaccel, or pictures that `predict` could not read beside
    others, 2 bad input, 130 interrupted. Errors are one line on stderr; `--debug` shows where they
    come from.

    Parameters
    ----------
    args : sequence of str, optional
        Arguments without the program's name; those of the process by default.
    """
    args = list(sys.argv[1:] if args is None else args)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without → and █ shows ? instead
            stream.reconfigure(errors="replace")
    try:
        with _interrupt.Raised():
            status = nnaccel.main(args, prog_name="nnaccel", standalone_mode=False)
            sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        echo("nnaccel: interrupted", err=True)
        _interrupt.end()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if "--debug" in args:
            raise
        if isinstance(error, click.UsageError) and error.ctx is not None:
            _leave(f"{error.format_message()} (see {error.ctx.command_path} --help)", 2)
        if isinstance(error, click.ClickException):
            _leave(error.format_message(), 2)
        if isinstance(error, _BAD_INPUT):
            notes = getattr(error, "__notes__", [])
            _leave(". ".join([str(error) or type(error).__name__, *notes]), 2)
        _leave(f"{type(error).__name__}: {error} (a fault of nnaccel; --debug shows where)", 1)
    sys.exit(status if isinstance(status, int) else 0)


def _leave(message: str, status: int) -> NoReturn:
    """Say it on one line of stderr and exit."""
    echo(f"nnaccel: {' '.join(message.split())}", err=True)
    sys.exit(status)
