"""Plot of a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnaccel.plot._classes import class_numbers, is_wide, known_classes
from nnaccel.plot._figure import literal, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

#: Preferred and smallest font size, in points, and most letters of a name.
_FONT_SIZE, _MIN_FONT_SIZE, _MAX_LETTERS = 9, 7, 25
#: Width of a letter and height of a line, in inches.
_LETTER, _LINE = 0.6 * _FONT_SIZE / 72, 1.25 * _FONT_SIZE / 72
#: Inches for the colour bar beside the matrix, and for titles above and below it.
_BESIDE, _ABOVE = 1.3, 1.1


def confusion_matrix(
    model: Any,
    x: Any = None,
    y: Any = None,
    *,
    classes: Sequence[str] | None = None,
    title: str = "Confusion matrix",
    figure: Figure | SubFigure | None = None,
) -> Any:
    """Draw a confusion matrix.

    Parameters
    ----------
    model : Sequential, classifier, or ndarray of int of shape (C, C)
        What predicts for x; or counts, row by true class, column by predicted one.
    x, y : array_like, optional
        Rows and their labels, for a model: of a Sequential whole numbers from 0.
    classes : sequence of str, optional
        Name of each class; of a classifier its own, else numbers from 0. Long names are cut; of
        many names only every second or third is drawn.
    title : str
    figure : matplotlib figure, optional
        Figure to draw in; a new one by default, larger for more classes.

    Returns
    -------
    matplotlib.figure.Figure
        Colour is the share of the true class: blue what is right, and red, on a scale of its own,
        what is not. The numbers are counts, left out where cells are too small.

    Raises
    ------
    ValueError
        If the shapes are wrong, or labels are not classes of the model.

    Examples
    --------
    >>> import numpy as np
    >>> figure = confusion_matrix(np.array([[9, 1], [0, 10]]), classes=["cat", "dog"])
    >>> figure.axes[0].get_ylabel()
    'true class'
    """
    counts, classes = _counted(model, x, y, classes)
    figure = figure or new_figure(*matrix_size(classes))
    labels = _label_length(classes)
    width, height = figure.bbox.width / figure.dpi, figure.bbox.height / figure.dpi
    cell = max(1, min(width - _BESIDE, height - _ABOVE) - labels) / len(classes)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    ax = figure.subplots()
    wrong = np.where(np.eye(len(share), dtype=bool), np.nan, share)
    most = max(float(np.nanmax(wrong, initial=0)), 1e-9)
    ax.imshow(np.where(np.isnan(wrong), share, np.nan), cmap="Blues", vmin=0, vmax=1)
    shown = ax.imshow(wrong, cmap="Reds", vmin=0, vmax=most)
    bar = figure.colorbar(shown, ax=ax, shrink=0.8, format=lambda value, _: f"{100 * value:.3g}%")
    bar.set_label("share of the true class mistaken for another")
    _write_classes(ax, classes, cell)
    ax.set(title=literal(title), xlabel="predicted class", ylabel="true class")
    size = min(_FONT_SIZE, 0.85 * 72 * cell / (0.64 * len(str(counts.max()))))
    if size >= _MIN_FONT_SIZE:
        for i, j in zip(*np.nonzero(counts), strict=True):
            depth = share[i, j] if i == j else share[i, j] / most
            colour = "white" if depth > 0.6 else "black"
            ax.text(j, i, str(counts[i, j]), ha="center", va="center", color=colour, fontsize=size)
    return figure


def _counted(
    model: Any, x: Any, y: Any, classes: Sequence[str] | None
) -> tuple[NDArray[Any], Sequence[str]]:
    """Return the counts, and the names of the classes."""
    from nnaccel.training.metrics.confusion import confusion_counts

    if not hasattr(model, "predict"):
        counts = np.asarray(model)
        if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
            raise ValueError(f"counts have shape {counts.shape}; expected (C, C)")
        names: Sequence[str] = [*map(str, range(len(counts)))] if classes is None else classes
    else:
        if x is None or y is None:
            raise ValueError("a model needs rows and their labels: confusion_matrix(model, x, y)")
        found, known = np.asarray(model.predict(x)), known_classes(model)
        if known is None:
            known = np.arange(found.shape[1] if is_wide(found) else 2)
            found = found if is_wide(found) else found > 0.5
        names = [*map(str, known)] if classes is None else classes
        true, predicted = class_numbers(y, known), class_numbers(found, known)
        counts = confusion_counts(true, predicted, len(known))
    if len(names) != len(counts):
        raise ValueError(f"{len(names)} names for {len(counts)} classes")
    return counts, names


def matrix_size(classes: Sequence[str]) -> tuple[float, float]:
    """Width and height of a matrix of these classes, in inches."""
    side = min(max(4.3, 0.3 * len(classes)), 6) + _label_length(classes)
    return side + _BESIDE, side + _ABOVE


def _label_length(classes: Sequence[str]) -> float:
    """Length of the longest name in inches."""
    return _LETTER * min(max(map(len, classes)), _MAX_LETTERS)


def _write_classes(ax: Axes, classes: Sequence[str], cell: float) -> None:
    """Label rows and columns with names that do not overlap."""
    step = max(1, int(np.ceil(_LINE / cell)))
    ticks = range(0, len(classes), step)
    most = _MAX_LETTERS
    names = [literal(n if len(n) <= most else f"{n[: most - 1]}…") for n in classes]
    if _label_length(classes) + _LETTER < cell * step:
        rotation: dict[str, Any] = {}
    elif cell > 2 * _LINE:
        rotation = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    else:
        rotation = {"rotation": 90}
    ax.set_xticks(ticks, names[::step], fontsize=_FONT_SIZE, **rotation)
    ax.set_yticks(ticks, names[::step], fontsize=_FONT_SIZE)
