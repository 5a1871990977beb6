"""`nnaccel info`: what runs here, and why not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from nnaccel.cli._common import console, debug_option, echo, json_option, print_json

if TYPE_CHECKING:
    from rich.console import Console

#: On terminals of fewer columns a table of four does not do.
_NARROW = 72


@click.command("info")
@json_option
@debug_option
def info_command(as_json: bool) -> None:
    """Show the backends, versions and threads of this machine."""
    from nnaccel.backends._info import collect

    facts = collect()
    if as_json:
        print_json(facts)
    else:
        _print_facts(facts)
    if facts["backend"] is None:
        echo(f"nnaccel: {facts['why']}", err=True)
        sys.exit(2)


def _print_facts(facts: dict[str, Any]) -> None:
    """Print a table of the backends, then a line for each other fact."""
    from rich.text import Text

    out = console()
    _print_backends(out, facts)
    out.print()
    installed = (f"{name} {version}" for name, version in facts["libraries"].items() if version)
    for name, value in {
        "in force": f"{facts['backend'] or 'none'} ({facts['why']})",
        "threads": facts["threads"],
        "TF32": "on" if facts["tf32"] else "off; NNACCEL_TF32=1 for faster products on a GPU",
        "kernels": _describe(facts["kernel_cache"]),
        "buffers": f"{facts['buffers']['limit'] / 2**20:.0f} MB of freed results are kept at most; "
        "NNACCEL_BUFFER_MB changes that",
        "BLAS": f"{facts['blas']}, behind NumPy",
        "nnaccel": facts["nnaccel"],
        "Python": f"{facts['python']} on {facts['platform']}",
        "libraries": ", ".join(installed),
    }.items():
        out.print(Text(f"{name:<10} {value}"), soft_wrap=True)


def _print_backends(out: Console, facts: dict[str, Any]) -> None:
    """Print a row for each, or two lines on a narrow terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("backend", "available", "version", "device, or how to fix it"):
        table.add_column(heading, overflow="fold")  # a command cut off is none
    for row in facts["backends"]:
        chosen = row["name"] == facts["backend"]
        name = Text(f"{'→' if chosen else ' '} {row['name']}", "bold" if chosen else "")
        state = Text("yes", "green") if row["available"] else Text(f"no: {row['reason']}", "yellow")
        version, more = row["version"] or "–", row["device"] if row["available"] else row["remedy"]
        if out.width < _NARROW:
            head = Text("  ").join([name, state, Text(version)])
            out.print(head, Text(f"\n    {more}"), sep="", soft_wrap=True)
        else:
            table.add_row(name, state, version, Text(more))
    if table.row_count:
        out.print(table)


def _describe(cache: dict[str, Any]) -> str:
    """Where compiled kernels are, or why they are nowhere."""
    if cache["problem"]:
        return f"compiled, but not kept: {cache['problem']}"
    return f"compiled, and kept in {cache['folder']} ({cache['bytes'] / 1e6:.1f} MB)"
