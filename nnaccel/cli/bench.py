"""`nnaccel bench`: races against other libraries on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from nnaccel.cli import _outputs
from nnaccel.cli._common import backend_option, choose_backend, debug_option
from nnaccel.cli._network import hidden_option


@click.group(
    "bench", invoke_without_command=True, short_help="Race against other libraries on this machine."
)
@click.pass_context
def bench_command(ctx: click.Context) -> None:
    """Race nnaccel against other libraries on this machine."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@bench_command.command("mlp")
@click.option(
    "--against",
    metavar="NAME[,NAME…]",
    default="numpy,torch,jax",
    show_default=True,
    help="numpy, torch, jax, sklearn or all; those not installed are left out.",
)
@hidden_option
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    metavar="N",
    default=128,
    show_default=True,
    help="Rows in a step.",
)
@click.option(
    "--repeats",
    type=click.IntRange(1),
    metavar="N",
    default=5,
    show_default=True,
    help="Epochs timed of each.",
)
@backend_option
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Write all measurements here.",
)
@debug_option
def mlp_command(
    against: str,
    hidden: tuple[int, ...],
    batch_size: int,
    repeats: int,
    backend: str | None,
    json_path: Path | None,
) -> None:
    """Time one epoch of MNIST: the same network, the same steps, in each library.

    Where MNIST is not on this machine, made-up images of its shape take its place.
    """  # fmt: skip
    from nnaccel.backends import get_backend
    from nnaccel.bench.mlp import run_mlp

    _outputs.check(json_path, None)
    choose_backend(backend)
    peers = [name.strip() for name in against.split(",") if name.strip()]
    report = run_mlp(hidden, batch_size, peers, repeats, get_backend().name)
    click.echo(report)
    if json_path is not None:
        json_path.write_text(f"{report.to_json()}\n", encoding="utf-8")
