"""What the commands share: options, and the ways they print."""

from __future__ import annotations

import json
import logging
import math
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from nnaccel._text import escaped, escaped_json

if TYPE_CHECKING:
    from rich.console import Console

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")
backend_option = click.option(
    "--backend",
    metavar="NAME",
    help="numpy, numba, cupy, auto, or one that is installed, such as torch.  "
    "[default: NNACCEL_BACKEND]",
)
debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, help="Show where an error comes from."
)

header_option = click.option(
    "--header/--no-header",
    default=None,
    help="Whether the first row of a .csv names its columns.  [default: decided by the rows below]",
)
decimal_option = click.option(
    "--decimal",
    type=click.Choice([".", ","]),
    help="What sets off decimals in a .csv; the other sets off thousands.  [default: decided by "
    "the numbers]",
)
drop_option = click.option(
    "--drop", multiple=True, metavar="COLUMN", help="Leave it out; may be repeated."
)
text_option = click.option(
    "--text",
    multiple=True,
    metavar="COLUMN",
    help="Take its numbers as names of groups; may be repeated.",
)
keep_index_option = click.option(
    "--keep-index",
    is_flag=True,
    help="Keep a column that holds names or numbers of rows.",
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


def echo(text: object = "", err: bool = False) -> None:
    """Print text, with escapes for control characters that come from files: names, mostly."""
    click.echo("\n".join(map(escaped, str(text).split("\n"))), err=err)


def print_json(facts: Any) -> None:
    """Print as indented JSON; numbers that are not finite, which JSON has not, are null."""
    text = json.dumps(_finite(facts), indent=2, ensure_ascii=False, allow_nan=False)
    click.echo(escaped_json(text))


def _finite(facts: Any) -> Any:
    """Replace each number that is not finite by None."""
    if isinstance(facts, dict):
        return {key: _finite(value) for key, value in facts.items()}
    if isinstance(facts, list | tuple):
        return [_finite(value) for value in facts]
    return None if isinstance(facts, float) and not math.isfinite(facts) else facts


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


@contextmanager
def shown_warnings(names: Sequence[str] = ()) -> Iterator[None]:
    """Print the warnings on stderr, a line each, when it ends; `names` are of the matrix fitted."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    # a matrix has no names: its columns are called x0, x1, …
    called = {f"'x{i}'": repr(name) for i, name in enumerate(names)}
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        named = re.sub(r"'x\d+'", lambda match: called.get(match[0], match[0]), message)
        echo(f"nnaccel: warning: {' '.join(named.split())}", err=True)


def refuse(ctx: click.Context, names: Iterable[str], why: str) -> None:
    """Raise a UsageError if one of the options was given."""
    given = [n for n in names if ctx.get_parameter_source(n) is ParameterSource.COMMANDLINE]
    if given:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise click.UsageError(f"leave out {flags}: {why}")
