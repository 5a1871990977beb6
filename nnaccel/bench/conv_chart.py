"""A chart of a convolution benchmark."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnaccel.bench.conv_report import ConvRace, ConvReport

_COLOURS = ("#1f77b4", "#d95f02", "#e6ab02", "#7570b3", "#66a61e")


def conv_chart(report: ConvReport) -> Any:
    """Draw GFLOP/s as bars: a panel for each direction, a group for each convolution.

    Contestants timed on part of the batch are left out, because their bars would be too short to
    see.

    Parameters
    ----------
    report : ConvReport

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from nnaccel.bench.conv import run_conv
    >>> report = run_conv(["2x3x8x8-k4-3x3"], ["numpy"], repeats=1, backend="numpy")
    >>> [ax.get_ylabel() for ax in conv_chart(report).axes]
    ['GFLOP/s', 'GFLOP/s']
    """
    from matplotlib.figure import Figure

    panels: dict[str, list[ConvRace]] = {}
    for race in report.races:
        panels.setdefault(race.direction, []).append(race)
    widest = max(map(len, panels.values()))
    figure = Figure(figsize=(max(6.4, 2 + 1.3 * widest), 4 * len(panels)), layout="constrained")
    about = {row.name: row.about for race in report.races for row in race.rows if not row.scaled}
    for ax, (direction, races) in zip(
        figure.subplots(len(panels), squeeze=False)[:, 0], panels.items(), strict=True
    ):
        ax.axhline(report.machine.gflops, color="0.4", linestyle="--", linewidth=1)
        ax.annotate(
            "multiply-add peak", (1, report.machine.gflops), xycoords=("axes fraction", "data"),
            xytext=(-4, 3), textcoords="offset points", ha="right", color="0.4", fontsize=8,
        )  # fmt: skip
        width = 0.8 / len(about)
        for i, (name, label) in enumerate(about.items()):
            speeds = [_speed(race, name) for race in races]
            at = np.arange(len(races)) + (i - (len(about) - 1) / 2) * width
            bars = ax.bar(at, speeds, width, label=label, color=_COLOURS[i % len(_COLOURS)])
            ax.bar_label(bars, fmt="{:.3g}", fontsize=7, padding=2, rotation=90)
        ax.set_xticks(range(len(races)), [_label(race.shape) for race in races], fontsize=8)
        ax.set(title=f"Convolution, {direction}", ylabel="GFLOP/s")
        ax.set_yscale("log")  # the slowest are hundreds of times slower
        ax.margins(y=0.15)
        ax.grid(axis="y", alpha=0.3)
        ax.set_axisbelow(True)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    machine = report.machine
    figure.suptitle(
        f"{machine.cpu}, {machine.named_cores}, float32; nnaccel on {report.backend}", fontsize=9
    )
    return figure


def _speed(race: ConvRace, name: str) -> float:
    """GFLOP/s of a contestant; NaN, which draws nothing, if it has no row."""
    return next((race.gflops(row) for row in race.rows if row.name == name), float("nan"))


def _label(shape: str) -> str:
    """The notation on three lines: the image, the filters and taps, the rest."""
    image, filters, taps, *rest = shape.split("-")
    return "\n".join([image, f"{filters}-{taps}", "-".join(rest)])
