"""A chart of a training benchmark."""

from __future__ import annotations

from typing import Any

from nnaccel.bench.report import EpochReport

_OURS, _OTHERS = "#1f77b4", "#b0b0b0"


def epoch_chart(report: EpochReport) -> Any:
    """Draw seconds for an epoch as bars, with every turn as a dot.

    Parameters
    ----------
    report : EpochReport

    Returns
    -------
    matplotlib.figure.Figure
        Each bar is labelled with its seconds, and with that time divided by nnaccel's.

    Examples
    --------
    >>> from nnaccel.bench.images import synthetic
    >>> from nnaccel.bench.mlp import run_mlp
    >>> report = run_mlp((4,), 8, ["numpy"], 1, "numpy", data=synthetic(rows=16, features=8))
    >>> epoch_chart(report).axes[0].get_xlabel()
    'seconds for an epoch'
    """
    from matplotlib.figure import Figure

    rows = report.rows
    figure = Figure(figsize=(8, 1.6 + 0.5 * len(rows)), layout="constrained")
    ax = figure.subplots()
    for place, row in enumerate(rows):
        ours = row.name.startswith("nnaccel")
        ax.barh(place, row.median, color=_OURS if ours else _OTHERS)
        ax.plot(row.seconds, [place] * len(row.seconds), ".", color="0.25", markersize=4)
        ax.annotate(
            f"{row.median:.3g} s, {row.ratio:.2f}x",
            (max(row.median, *row.seconds), place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
        )
    ax.set_yticks(range(len(rows)), [row.about for row in rows])
    ax.invert_yaxis()
    ax.set_xlim(0, 1.3 * max(max(row.seconds) for row in rows))
    ax.set_xlabel("seconds for an epoch")
    ax.grid(axis="x", alpha=0.3)
    ax.set_axisbelow(True)
    machine = report.machine
    figure.suptitle(
        f"{report.network}, batch {report.batch_size}: an epoch of {report.images:,} images "
        f"({report.data})\n"
        f"{machine.cpu}, {machine.named_cores}, float32; nnaccel on {report.backend}",
        fontsize=10,
    )
    figure.supxlabel(
        f"bars: medians of {len(rows[0].seconds)}; dots: each epoch; x: times nnaccel's time",
        fontsize=8,
        color="0.4",
    )
    return figure
