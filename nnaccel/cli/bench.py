"""`nnaccel bench`: races against other libraries on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nnaccel.cli import _outputs
from nnaccel.cli._common import backend_option, choose_backend, debug_option, echo
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
plot_option = click.option("--plot", type=_file, metavar="PNG", help="Draw the race as bars.")


def against_option(default: str, names: str) -> Callable[[Any], Any]:
    """Make the option that says who else takes part."""
    return click.option(
        "--against",
        callback=parse_names,
        metavar="NAME[,NAME…]",
        default=default,
        show_default=True,
        help=f"{names} or all; those not installed are left out.",
    )


def count_option(name: str, default: int, what: str) -> Callable[[Any], Any]:
    """Make an option that counts, from 1."""
    return click.option(
        name,
        type=click.IntRange(1),
        metavar="N",
        default=default,
        show_default=True,
        help=f"{what}.",
    )


@click.group(
    "bench", invoke_without_command=True, short_help="Race against other libraries on this machine."
)
@click.option(
    "--cpu-time",
    is_flag=True,
    help="Count processor time, one thread a library: right on a machine that others use too.",
)
@click.pass_context
def bench_command(ctx: click.Context, cpu_time: bool) -> None:
    """Race nnaccel against other libraries on this machine."""
    if cpu_time:
        from nnaccel.bench.timing import use_cpu_time

        use_cpu_time()
    if ctx.invoked_subcommand is None:
        echo(ctx.get_help())


@bench_command.command("mlp")
@against_option("numpy,torch,jax", "numpy, torch, jax, sklearn")
@hidden_option
@count_option("--batch-size", 128, "Rows in a step")
@count_option("--repeats", 5, "Epochs timed of each")
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
    """Time an epoch of MNIST, by the same steps in each library.

    Where MNIST is not on this machine, made-up images of its shape take its place.
    """  # fmt: skip
    from nnaccel.backends import get_backend
    from nnaccel.bench.epoch_chart import epoch_chart
    from nnaccel.bench.mlp import run_mlp

    _outputs.check(json_path, plot)
    choose_backend(backend)
    report = run_mlp(hidden, batch_size, against, repeats, get_backend().name)
    _conclude(report, json_path, epoch_chart, plot)


@bench_command.command("cnn")
@click.option(
    "--model",
    type=click.Choice(["cnn", "lenet"]),
    default="cnn",
    show_default=True,
    help="The network, as in `nnaccel train`.",
)
@against_option("torch", "numpy, torch")
@count_option("--images", 5120, "Images in an epoch")
@count_option("--batch-size", 128, "Rows in a step")
@count_option("--repeats", 5, "Epochs timed of each")
@backend_option
@json_path_option
@plot_option
@debug_option
def cnn_command(
    model: str,
    against: list[str],
    images: int,
    batch_size: int,
    repeats: int,
    backend: str | None,
    json_path: Path | None,
    plot: Path | None,
) -> None:
    """Time the training of a convolutional network in each library.

    Where MNIST is not on this machine, made-up images of its shape take its place.
    """  # fmt: skip
    from nnaccel.backends import get_backend
    from nnaccel.bench.cnn import run_cnn
    from nnaccel.bench.epoch_chart import epoch_chart

    _outputs.check(json_path, plot)
    choose_backend(backend)
    report = run_cnn(model, batch_size, against, repeats, get_backend().name, images)
    _conclude(report, json_path, epoch_chart, plot)


@bench_command.command("conv")
@click.option(
    "--shapes",
    callback=parse_names,
    metavar="SHAPE[,SHAPE…]",
    default="all",
    show_default=True,
    help="Names, or notations of your own.",
)
@against_option("naive,numpy,torch", "naive, numpy, torch, torch-backend")
@click.option("--forward", is_flag=True, help="Only y.  [default: both directions]")
@click.option("--backward", is_flag=True, help="Only the gradients dx, dw and db.")
@count_option("--repeats", 7, "Turns timed of each")
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
    """Time convolutions of the same arrays, forward and backward.

    A SHAPE is mnist1, mnist2, resnet56, resnet28, resnet14, stem, expand or lenet2; all, small or
    resnet for several; or a notation such as 64x32x28x28-k64-3x3-s1-p1: images, channels, rows and
    columns, filters, taps, then if wanted stride, padding, dilation (d) and groups (g).
    """
    from nnaccel.backends import get_backend
    from nnaccel.bench.conv import run_conv
    from nnaccel.bench.conv_chart import conv_chart
    from nnaccel.bench.conv_report import DIRECTIONS

    _outputs.check(json_path, plot)
    choose_backend(backend)
    asked = [d for d, wanted in zip(DIRECTIONS, (forward, backward), strict=True) if wanted]
    report = run_conv(shapes, against, repeats, get_backend().name, asked or DIRECTIONS)
    _conclude(report, json_path, conv_chart, plot)


def parse_counts(ctx: click.Context, param: click.Parameter, text: str) -> list[int]:
    """Whole numbers of at least 1 between commas."""
    names = parse_names(ctx, param, text)
    if not all(name.isdecimal() and int(name) for name in names):
        raise click.BadParameter("give numbers of ranks, such as 1,2,4.", ctx, param)
    return [int(name) for name in names]


@bench_command.command("scale")
@click.option(
    "--model",
    type=click.Choice(["mlp", "cnn"]),
    default="mlp",
    show_default=True,
    help="784-512-10, or the network of `nnaccel train --model cnn`.",
)
@click.option(
    "--ranks",
    callback=parse_counts,
    metavar="N[,N…]",
    default="1,2",
    show_default=True,
    help="How many processes share the processors.",
)
@against_option("torch", "torch")
@count_option("--images", 60_000, "Images in an epoch")
@count_option("--batch-size", 1024, "Rows in a step, of all ranks")
@count_option("--repeats", 5, "Epochs timed of each")
@click.option("--deterministic", is_flag=True, help="The same bits on any number of ranks.")
@json_path_option
@plot_option
@debug_option
def scale_command(
    model: str,
    ranks: list[int],
    against: list[str],
    images: int,
    batch_size: int,
    repeats: int,
    deterministic: bool,
    json_path: Path | None,
    plot: Path | None,
) -> None:
    """Time epochs on more and more ranks of this machine, by mpiexec.

    Strong scaling keeps the batch, weak scaling lets batch and epoch grow with the ranks. PyTorch's
    DistributedDataParallel trains beside nnaccel, in turns, on ranks of as many threads.
    """
    from nnaccel.bench.scale import run_scale
    from nnaccel.bench.scale_chart import scale_chart
    from nnaccel.bench.timing import is_cpu_time

    if is_cpu_time():
        raise click.UsageError("ranks wait for one another: leave out --cpu-time.")
    _outputs.check(json_path, plot)
    report = run_scale(model, ranks, batch_size, images, against, repeats, deterministic)
    _conclude(report, json_path, scale_chart, plot)


def _conclude(
    report: Any, json_path: Path | None, chart: Callable[[Any], Any], plot: Path | None
) -> None:
    """Print a report, and write and draw it if that was asked for."""
    echo(report)
    if json_path is not None:
        json_path.write_text(f"{report.to_json()}\n", encoding="utf-8")
    if plot is not None:
        from nnaccel.plot import save

        save(chart(report), plot)
        echo(f"drawn in {plot}")
