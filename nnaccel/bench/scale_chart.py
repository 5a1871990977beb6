"""A chart of the benchmark of scaling."""

from __future__ import annotations

from typing import Any

from nnaccel.bench.scale import ScaleReport


def scale_chart(report: ScaleReport) -> Any:
    """Draw images a second over the number of ranks, for strong and for weak scaling.

    Parameters
    ----------
    report : ScaleReport

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    ax = figure.subplots()
    for name, rows in (("strong", report.strong), ("weak", report.weak)):
        ax.plot([r.ranks for r in rows], [r.images_per_s for r in rows], "o-", label=name)
    ax.axhline(report.strong[0].images_per_s, color="0.6", linestyle=":", label="one rank")
    ax.set_xticks([row.ranks for row in report.strong])
    ax.set_ylim(bottom=0)
    ax.set_xlabel("ranks, which share the processors")
    ax.set_ylabel("images a second")
    ax.legend()
    ax.set_title(
        f"{report.model}, batch {report.batch_size}; {report.machine.cpu}, "
        f"{report.machine.cores} cores",
        fontsize=10,
    )
    return figure
