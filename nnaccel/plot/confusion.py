"""Which class was taken for which, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnaccel.plot._figure import literal, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

#: Text in points: as it should be, and the smallest that is still read; letters of a name.
_TEXT, _SMALLEST, _LETTERS = 9, 7, 25
#: A letter's width and a line's height, in inches.
_LETTER, _LINE = 0.6 * _TEXT / 72, 1.25 * _TEXT / 72
#: Inches beside the matrix for the scale, above and below it for titles.
_BESIDE, _ABOVE = 1.3, 1.1


def confusion_matrix(
    counts: NDArray[Any],
    classes: Sequence[str],
    title: str = "Confusion matrix",
    figure: Figure | SubFigure | None = None,
) -> Any:
    """Draw how often each class was taken for each other.

    Parameters
    ----------
    counts : ndarray of int, shape (C, C)
        Row: the true class; column: the predicted one.
    classes : sequence of str
        Name of each class; long ones are cut, and of very many every second or third is written.
    title : str
    figure : matplotlib figure, optional
        Where to draw; a new figure by default, the larger the more classes there are.

    Returns
    -------
    matplotlib.figure.Figure
        The figure drawn in. Colour is the share of the true class; the numbers are counts, left
        out where cells are too small for them.

    Examples
    --------
    >>> import numpy as np
    >>> figure = confusion_matrix(np.array([[9, 1], [0, 10]]), ["cat", "dog"])
    >>> figure.axes[0].get_ylabel()
    'true class'
    """
    figure = figure or new_figure(*matrix_size(classes))
    labels = _label_length(classes)
    width, height = figure.bbox.width / figure.dpi, figure.bbox.height / figure.dpi
    cell = max(1, min(width - _BESIDE, height - _ABOVE) - labels) / len(classes)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    ax = figure.subplots()
    bar = figure.colorbar(ax.imshow(share, cmap="Blues", vmin=0, vmax=1), ax=ax, shrink=0.8)
    bar.set_label("share of the true class")
    _write_classes(ax, classes, cell)
    ax.set(title=literal(title), xlabel="predicted class", ylabel="true class")
    size = min(_TEXT, 0.85 * 72 * cell / (0.64 * len(str(counts.max()))))
    if size >= _SMALLEST:
        for i, j in zip(*np.nonzero(counts), strict=True):
            colour = "white" if share[i, j] > 0.5 else "black"
            ax.text(j, i, str(counts[i, j]), ha="center", va="center", color=colour, fontsize=size)
    return figure


def matrix_size(classes: Sequence[str]) -> tuple[float, float]:
    """Width and height in inches that a matrix of these classes asks for."""
    side = min(max(4.3, 0.3 * len(classes)), 6) + _label_length(classes)
    return side + _BESIDE, side + _ABOVE


def _label_length(classes: Sequence[str]) -> float:
    """Inches that the longest name takes."""
    return _LETTER * min(max(map(len, classes)), _LETTERS)


def _write_classes(ax: Axes, classes: Sequence[str], cell: float) -> None:
    """Name rows and columns of cells so wide that no name runs into the next."""
    step = max(1, int(np.ceil(_LINE / cell)))
    ticks = range(0, len(classes), step)
    cut = [name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…" for name in classes]
    names = [literal(name) for name in cut]
    if _label_length(classes) + _LETTER < cell * step:
        turned: dict[str, Any] = {}
    elif cell > 2 * _LINE:
        turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    else:
        turned = {"rotation": 90}
    ax.set_xticks(ticks, names[::step], fontsize=_TEXT, **turned)
    ax.set_yticks(ticks, names[::step], fontsize=_TEXT)
