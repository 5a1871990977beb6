"""`nnaccel bench`: races against other libraries on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nnaccel.cli import _outputs
from nnaccel.cli._common import backend_option, choose_backend, debug_option
from nnaccel.cli._network import hidden_option

_file = click.Path(dir_okay=False, path_type=Path)


def parse_names(ctx: click.Context, param: click.Parameter, text: str) -> list[str]:
    """Names between commas, at least one."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise click.BadParameter("give at least one name.", ctx, param)
    return names


json_path_option = click.option(
    "--json", "json_path", type=_file, metavar="PATH", help="Write all measurements here."
)


plot_option = click.option("--plot", type=_file, metavar="PNG", help="Draw the speeds as bars.")


def repeats_option(default: int, what: str) -> Callable[[Any], Any]:
    """Make the option that says how many turns are timed."""
    return click.option(
        "--repeats",
        type=click.IntRange(1),
        metavar="N",
        default=default,
        show_default=True,
        help=f"{what} timed of each.",
    )


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
    callback=parse_names,
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
@repeats_option(5, "Epochs")
@backend_option
@json_path_option
@plot_option
@debug_option
def mlp_command(
    against: list[str],
    hidden: tuple[int, ...],
    batch_size: int,
    repeats: int,
    backend: str | None,
    json_path: Path | None,
    plot: Path | None,
) -> None:
    """Time one epoch of MNIST: the same network, the same steps, in each library.

    Where MNIST is not on this machine, made-up images of its shape take its place.
    """  # fmt: skip
    from nnaccel.backends import get_backend
    from nnaccel.bench.mlp import run_mlp

    _outputs.check(json_path, plot)
    choose_backend(backend)
    report = run_mlp(hidden, batch_size, against, repeats, get_backend().name)
    _tell(report, json_path)
    if plot is not None:
        from nnaccel.bench.epoch_chart import epoch_chart

        _draw(epoch_chart(report), plot)


@bench_command.command("conv")
@click.option(
    "--shapes",
    callback=parse_names,
    metavar="SHAPE[,SHAPE…]",
    default="all",
    show_default=True,
    help="Names, or notations of your own.",
)
@click.option(
    "--against",
    callback=parse_names,
    metavar="NAME[,NAME…]",
    default="naive,numpy,torch",
    show_default=True,
    help="naive, numpy, torch or all; those not installed are left out.",
)
@click.option("--forward", is_flag=True, help="Only y.  [default: both directions]")
@click.option("--backward", is_flag=True, help="Only the gradients dx, dw and db.")
@repeats_option(7, "Turns")
@backend_option
@json_path_option
@plot_option
@debug_option
def conv_command(
    shapes: list[str],
    against: list[str],
    forward: bool,
    backward: bool,
    repeats: int,
    backend: str | None,
    json_path: Path | None,
    plot: Path | None,
) -> None:
    """Time convolutions, forward and backward, on the same arrays in each library.

    A SHAPE is mnist1, mnist2, resnet56, resnet28, resnet14, stem, expand or lenet2; all, small or
    resnet for several; or a notation such as 64x32x28x28-k64-3x3-s1-p1: images, channels, rows and
    columns, filters, taps, then if wanted stride, padding, dilation (d) and groups (g).
    """
    from nnaccel.backends import get_backend
    from nnaccel.bench.conv import run_conv
    from nnaccel.bench.conv_report import DIRECTIONS

    _outputs.check(json_path, plot)
    choose_backend(backend)
    asked = [d for d, wanted in zip(DIRECTIONS, (forward, backward), strict=True) if wanted]
    report = run_conv(shapes, against, repeats, get_backend().name, asked or DIRECTIONS)
    _tell(report, json_path)
    if plot is not None:
        from nnaccel.bench.conv_chart import conv_chart

        _draw(conv_chart(report), plot)


def _draw(figure: Any, path: Path) -> None:
    """Write a picture and say so."""
    from nnaccel.plot import save

    save(figure, path)
    click.echo(f"drawn in {path}")


def _tell(report: Any, json_path: Path | None) -> None:
    """Print a report, and write it if that was asked for."""
    click.echo(report)
    if json_path is not None:
        json_path.write_text(f"{report.to_json()}\n", encoding="utf-8")
