"""Pictures of a training: its curves, its confusion matrix, the images it got wrong."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

History = Mapping[str, Sequence[float]]

_TRAINING, _VALIDATION = "#1f77b4", "#d95f02"
_MAX_WRONG = 24


def training_curves(history: History, figure: Figure | SubFigure | None = None) -> Any:
    """Draw loss, and accuracy if it was measured, over the epochs.

    Parameters
    ----------
    history : mapping of str to sequence of float
        What `History.history` holds: one number per epoch under ``loss``, ``accuracy``,
        ``val_loss``, ``val_accuracy``.
    figure : matplotlib figure, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure drawn in.

    Examples
    --------
    >>> figure = training_curves({"loss": [0.5, 0.2], "val_loss": [0.4, 0.3]})
    >>> figure.axes[0].get_xlabel()
    'epoch'
    """
    figure = figure or _new_figure(9, 3.6)
    shown = [name for name in ("loss", "accuracy") if name in history]
    axes = figure.subplots(1, len(shown), squeeze=False)[0]
    for ax, name in zip(axes, shown, strict=True):
        _draw_curve(ax, history[name], "training", _TRAINING)
        if f"val_{name}" in history:
            _draw_curve(ax, history[f"val_{name}"], "validation", _VALIDATION)
        ax.set(title=name.capitalize(), xlabel="epoch", ylabel=name)
        ax.xaxis.get_major_locator().set_params(integer=True)
        if name == "accuracy":
            ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.6g}%")
            ax.set_ylabel("accuracy, share right")
        ax.grid(alpha=0.3)
        ax.legend()
    return figure


def confusion_matrix(
    counts: NDArray[Any], classes: Sequence[str], figure: Figure | SubFigure | None = None
) -> Any:
    """Draw how often each class was taken for each other.

    Parameters
    ----------
    counts : ndarray of int, shape (C, C)
        Row: the true class; column: the predicted one.
    classes : sequence of str
        Name of each class.
    figure : matplotlib figure, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure drawn in. Colour is the share of the true class; the numbers are counts.

    Examples
    --------
    >>> import numpy as np
    >>> figure = confusion_matrix(np.array([[9, 1], [0, 10]]), ["cat", "dog"])
    >>> figure.axes[0].get_ylabel()
    'true class'
    """
    figure = figure or _new_figure(6, 5.4)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    ax = figure.subplots()
    image = ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    bar = figure.colorbar(image, ax=ax, shrink=0.8)
    bar.set_label("share of the true class")
    ticks = range(len(classes))
    tilt = 45 if max(map(len, classes)) > 3 else 0
    ax.set_xticks(ticks, classes, rotation=tilt, ha="right" if tilt else "center")
    ax.set_yticks(ticks, classes)
    ax.set(title="Confusion matrix", xlabel="predicted class", ylabel="true class")
    if len(classes) <= 20:
        for i, j in zip(*np.nonzero(counts), strict=True):
            colour = "white" if share[i, j] > 0.5 else "black"
            ax.text(j, i, str(counts[i, j]), ha="center", va="center", color=colour, fontsize=8)
    return figure


def wrong_digits(
    x: NDArray[Any],
    y: NDArray[Any],
    predicted: NDArray[Any],
    figure: Figure | SubFigure | None = None,
) -> Any:
    """Draw the first images that were taken for something else.

    Parameters
    ----------
    x : ndarray, shape (N, H, W)
        Images, light on dark.
    y, predicted : ndarray of int, shape (N,)
        True and predicted labels.
    figure : matplotlib figure, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure drawn in: at most 24 images, each titled "true as predicted".

    Examples
    --------
    >>> from nnaccel.data import digits
    >>> _, (x, y) = digits()
    >>> figure = wrong_digits(x, y, (y + 1) % 10)
    >>> figure.axes[0].get_title() == f"{y[0]} as {(y[0] + 1) % 10}"
    True
    """
    figure = figure or _new_figure(9, 3.9)
    wrong = np.flatnonzero(np.asarray(y) != np.asarray(predicted))
    shown = wrong[:_MAX_WRONG]
    few = f", the first {len(shown)}" if len(shown) < len(wrong) else ""
    figure.suptitle(f"{len(wrong):,} wrong of {len(y):,}{few}")
    if not len(shown):
        return figure
    grid = figure.subplots(-(-len(shown) // 8), 8, squeeze=False).ravel()
    for ax in grid:
        ax.set_axis_off()
    for ax, i in zip(grid, shown, strict=False):
        ax.imshow(x[i], cmap="gray_r")
        ax.set_title(f"{y[i]} as {predicted[i]}", fontsize=9)
    return figure


def report(
    history: History,
    counts: NDArray[Any] | None = None,
    classes: Sequence[str] = (),
    images: tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None = None,
) -> Any:
    """Draw all of a training on one page.

    Parameters
    ----------
    history : mapping of str to sequence of float
        As for `training_curves`.
    counts, classes : ndarray of int, sequence of str
        As for `confusion_matrix`; left out without them.
    images : (x, y, predicted)
        As for `wrong_digits`; left out without them.

    Returns
    -------
    matplotlib.figure.Figure
        The page.

    Examples
    --------
    >>> len(report({"loss": [0.5, 0.2]}).axes)
    1
    """
    if counts is None:
        return training_curves(history)
    figure = _new_figure(14 if images else 9, 9)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(3.6, 5.4)).ravel()
    training_curves(history, above)
    if images is None:
        confusion_matrix(counts, classes, below)
        return figure
    left, right = below.subfigures(1, 2, squeeze=False, width_ratios=(5.6, 8.4)).ravel()
    confusion_matrix(counts, classes, left)
    wrong_digits(*images, right)
    return figure


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG, beside the place and then renamed into it."""
    path = Path(path)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        figure.savefig(beside, format="png", dpi=150)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _new_figure(width: float, height: float) -> Figure:
    """Empty figure of that many inches, belonging to no window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _draw_curve(ax: Axes, values: Sequence[float], label: str, colour: str) -> None:
    """Draw one number per epoch, the first at 1; a few are marked as points too."""
    marker = "o" if len(values) <= 30 else ""
    epochs = range(1, len(values) + 1)
    ax.plot(epochs, values, marker=marker, markersize=4, label=label, color=colour)
