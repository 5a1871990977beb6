"""New figures, colours, legends, and saving."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

#: Colours of classes and series, in order; distinct to the colour-blind.
COLOURS = ("#1f77b4", "#d95f02", "#4daf4a", "#7570b3", "#e6ab02", "#a6761d", "#e7298a", "#666666")

#: Width of a legend's letter in inches, and of its symbol with margins in letters.
_LETTER, _SYMBOL = 0.085, 6


def new_figure(width: float, height: float) -> Figure:
    """Empty figure of a size in inches, without a window."""
    from nnaccel.plot._shown import ShownFigure

    return ShownFigure(figsize=(width, height), layout="constrained")


def legend_below(figure: Figure | SubFigure, ax: Axes) -> None:
    """Draw the legend below the axes."""
    handles, names = ax.get_legend_handles_labels()
    letters = figure.bbox.width / figure.dpi / _LETTER
    columns = min(max(int(letters / (max(map(len, names)) + _SYMBOL)), 1), len(names))
    figure.legend(handles, names, loc="outside lower center", ncols=columns)


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG, atomically."""
    path = Path(path)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        figure.savefig(beside, format="png", dpi=150)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def draw_points(ax: Axes, x: Any, y: Any) -> None:
    """Draw points, paler and smaller where they are many."""
    few = len(x) <= 1000
    ax.scatter(x, y, s=20 if few else 6, alpha=0.7 if few else 0.3, edgecolors="none")


def straight_line(model: Any) -> tuple[float, float]:
    """Return intercept and slope: as given, or of a regression with one variable."""
    if not hasattr(model, "coef_"):
        intercept, slope = model
        return float(intercept), float(slope)
    slopes, intercepts = np.ravel(model.coef_), np.ravel(model.intercept_)
    if len(slopes) != 1 or len(intercepts) != 1:
        raise ValueError(
            f"the model has {len(slopes)} slopes: a line is drawn of one variable and one response"
        )
    return float(intercepts[0]), float(slopes[0])


def class_name(label: Any) -> str:
    """Name of a class: its label if that is text, `class 1` for a number."""
    return literal(label) if isinstance(label, str) else f"class {label}"


def literal(text: str) -> str:
    """`text` escaped for matplotlib, which reads text between two dollars as TeX."""
    shown = text.replace("$", r"\$")
    # A legend leaves out names that begin with an underscore; a zero-width space prevents it.
    return f"\u200b{shown}" if text.startswith("_") else shown
