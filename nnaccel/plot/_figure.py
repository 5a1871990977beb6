"""What all pictures share: a new figure, colours, and the way into a file."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

#: Of classes and series, in order; told apart by the colour-blind too.
COLOURS = ("#1f77b4", "#d95f02", "#4daf4a", "#7570b3", "#e6ab02", "#a6761d", "#e7298a", "#666666")

#: Inches that a letter of a legend takes, and letters that a symbol and the room about it take.
_LETTER, _SYMBOL = 0.085, 6


def new_figure(width: float, height: float) -> Figure:
    """Empty figure of that many inches, belonging to no window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def legend_below(figure: Figure | SubFigure, ax: Axes) -> None:
    """Tell what is drawn in the axes below them, where it hides nothing."""
    handles, names = ax.get_legend_handles_labels()
    letters = figure.bbox.width / figure.dpi / _LETTER
    columns = min(max(int(letters / (max(map(len, names)) + _SYMBOL)), 1), len(names))
    figure.legend(handles, names, loc="outside lower center", ncols=columns)


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG, beside the place and then renamed into it."""
    path = Path(path)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        figure.savefig(beside, format="png", dpi=150)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def class_name(label: Any) -> str:
    """Name of a class to a reader: text is one, a number becomes `class 1`."""
    return literal(label) if isinstance(label, str) else f"class {label}"


def literal(text: str) -> str:
    """`text` as matplotlib is to be given it, which takes what is between two dollars for TeX."""
    shown = text.replace("$", r"\$")
    # What begins with an underscore would be left out of a legend; a space of no width is not seen.
    return f"\u200b{shown}" if text.startswith("_") else shown
