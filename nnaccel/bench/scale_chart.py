"""A chart of the benchmark of scaling."""

from __future__ import annotations

from typing import Any

from nnaccel.bench.scale_report import ScaleReport

_LINES = {"strong": "-", "weak": "--"}


def scale_chart(report: ScaleReport) -> Any:
    """Draw images a second over the number of ranks, for strong and for weak scaling.

    Parameters
    ----------
    report : ScaleReport

    Returns
    -------
    matplotlib.figure.Figure
        A colour for each library.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    ax = figure.subplots()
    for number, library in enumerate(report.strong[0].epochs):
        for kind, rows in (("strong", report.strong), ("weak", report.weak)):
            ax.plot(
                [row.ranks for row in rows],
                [row.images_per_s(library) for row in rows],
                _LINES[kind],
                marker="o",
                color=f"C{number}",
                label=f"{library}, {kind}",
            )
        ax.axhline(report.strong[0].images_per_s(library), color=f"C{number}", linestyle=":")
    ax.set_xticks([row.ranks for row in report.strong])
    ax.set_ylim(bottom=0)
    least = report.strong[0].ranks
    what = f"{least} do" if least > 1 else "one does"
    ax.set_xlabel(f"ranks, which share the processors; dotted: what {what}")
    ax.set_ylabel("images a second")
    ax.legend()
    ax.set_title(
        f"{report.model}, batch {report.batch_size}; {report.machine.cpu}, "
        f"{report.machine.named_cores}",
        fontsize=10,
    )
    return figure
