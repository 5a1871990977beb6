"""Plots of a training: its curves, and a report on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from nnaccel.plot._figure import COLOURS, new_figure
from nnaccel.plot.confusion import confusion_matrix, matrix_size
from nnaccel.plot.digits import wrong_digits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

History = Any  # a History, or what it holds: Mapping[str, Sequence[float]]

_TRAINING, _VALIDATION = COLOURS[:2]


def training_curves(history: History, figure: Figure | SubFigure | None = None) -> Any:
    """Draw loss, and accuracy if there is one, over the epochs.

    Parameters
    ----------
    history : History, or mapping of str to sequence of float
        What `fit` returns: one number an epoch of ``loss``, ``accuracy``, ``val_loss`` and
        ``val_accuracy``.
    figure : matplotlib figure, optional
        Figure to draw in; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is neither loss nor accuracy.

    Examples
    --------
    >>> figure = training_curves({"loss": [0.5, 0.2], "val_loss": [0.4, 0.3]})
    >>> figure.axes[0].get_xlabel()
    'epoch'
    """
    history = getattr(history, "history", history)
    shown = [n for n in ("loss", "accuracy") if isinstance(history, Mapping) and n in history]
    if not shown:
        raise ValueError(
            "history has neither 'loss' nor 'accuracy'. To fix: give what model.fit returns, or a "
            "dict such as {'loss': [0.5, 0.2]}"
        )
    figure = figure or new_figure(9, 3.6)
    axes = figure.subplots(1, len(shown), squeeze=False)[0]
    for ax, name in zip(axes, shown, strict=True):
        _draw_curve(ax, history[name], "training", _TRAINING)
        if f"val_{name}" in history:
            _draw_curve(ax, history[f"val_{name}"], "validation", _VALIDATION)
        ax.set(title=name.capitalize(), xlabel="epoch", ylabel=name)
        ax.xaxis.get_major_locator().set_params(integer=True)
        if name == "accuracy":
            ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.6g}%")
        ax.grid(alpha=0.3)
        ax.legend()
    return figure


def report(
    history: History,
    counts: NDArray[Any] | None = None,
    classes: Sequence[str] = (),
    images: tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None = None,
) -> Any:
    """Draw a report on one page: curves, confusion matrix and misclassified images.

    Parameters
    ----------
    history : History, or mapping of str to sequence of float
        As for `training_curves`; may be empty, for a model that is only tested.
    counts, classes : ndarray of int, sequence of str
        As for `confusion_matrix`; without them the matrix is left out.
    images : (x, y, predicted)
        As for `wrong_digits`; without them the images are left out.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(report({"loss": [0.5, 0.2]}).axes)
    1
    """
    history = getattr(history, "history", history)
    if counts is None:
        return training_curves(history)
    curves, mistakes = [3.6] * bool(history), [3.9] * (images is not None)
    heights = [*curves, matrix_size(classes)[1], *mistakes]
    figure = new_figure(9, sum(heights))
    parts = iter(figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights).ravel())
    if history:
        training_curves(history, next(parts))
    confusion_matrix(counts, classes=classes, figure=next(parts))
    if images is not None:
        wrong_digits(*images, next(parts))
    return figure


def _draw_curve(ax: Axes, values: Sequence[float], label: str, colour: str) -> None:
    """Draw one number an epoch, from epoch 1; few numbers also as points."""
    marker = "o" if len(values) <= 30 else ""
    epochs = range(1, len(values) + 1)
    ax.plot(epochs, values, marker=marker, markersize=4, label=label, color=colour)
