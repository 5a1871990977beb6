"""What the commands share: options, and the ways they print."""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")
backend_option = click.option(
    "--backend", metavar="NAME", help="numpy, numba, cupy or auto.  [default: NNACCEL_BACKEND]"
)
debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, help="Show where an error comes from."
)


class Number(click.FloatRange):
    """A finite number in a range."""

    name = "number"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Refuse what is not a finite number of the range."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


def console() -> Console:
    """Where tables go; wide where there is no terminal, so that nothing is folded away."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 140, highlight=False)


def print_json(facts: Any) -> None:
    """Print as indented JSON."""
    click.echo(json.dumps(facts, indent=2, ensure_ascii=False))


def choose_backend(name: str | None) -> None:
    """Put in force the backend of --backend, or that of the environment; log which and why."""
    from nnaccel.backends import get_backend, set_backend

    if name is not None:
        set_backend(name)
    get_backend()


@contextmanager
def shown_log(quiet: bool) -> Iterator[None]:
    """Meanwhile, unless `quiet`, print what nnaccel logs: the backend chosen, a download."""
    log = logging.getLogger("nnaccel")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    level = log.level
    if not quiet:
        log.addHandler(handler)
        log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
