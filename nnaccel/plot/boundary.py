"""Decision boundaries of classifiers of two variables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnaccel.plot._figure import COLOURS, class_name, legend_below, literal, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

Predict = Callable[[NDArray[np.float64]], Any]

#: Grid points along each axis, and the margin around the points.
_GRID, _MARGIN = 200, 0.08

#: Jitter of coincident points, as a share of the smallest gap.
_JITTER = 0.25


def decision_boundary(
    predict: Predict,
    x: ArrayLike,
    y: ArrayLike,
    xlabel: str = "x₁",
    ylabel: str = "x₂",
    title: str = "Decision boundary",
    figure: Figure | SubFigure | None = None,
) -> Any:
    """Draw points by class, and the regions in which each class is predicted.

    Parameters
    ----------
    predict : callable
        From points (M, 2) to probabilities of the second of two classes (M,) or of all classes
        (M, C), as `predict_proba`, or to labels (M,), as `predict`.
    x : array_like, shape (N, 2)
    y : array_like, shape (N,)
        Labels of any type; numbers are called class 0, class 1, ….
    xlabel, ylabel, title : str
        Names, with units.
    figure : matplotlib figure, optional
        Figure to draw in; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        A stronger colour means a more certain prediction. Coincident points, as of whole numbers,
        are jittered.

    Raises
    ------
    ValueError
        If the shapes do not fit, or there are fewer than two classes.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.array([[0.0, 0.0], [1.0, 1.0]]), ["left", "right"]
    >>> figure = decision_boundary(lambda points: points[:, 0], x, y, title="Halves")
    >>> figure.axes[0].get_title()
    'Halves'
    """
    figure = figure or new_figure(6.4, 5.2)
    points, labels, classes = _checked(x, y)
    ax = figure.subplots()
    _draw(ax, predict, points, labels, classes)
    ax.set(title=literal(title), xlabel=literal(xlabel), ylabel=literal(ylabel))
    legend_below(figure, ax)
    return figure


def decision_boundaries(
    predictors: Mapping[str, Predict],
    x: ArrayLike,
    y: ArrayLike,
    xlabel: str = "x₁",
    ylabel: str = "x₂",
    figure: Figure | SubFigure | None = None,
) -> Any:
    """Draw the boundaries of several classifiers of the same points, side by side.

    Parameters
    ----------
    predictors : mapping of str to callable
        Predictors as for `decision_boundary`, by the title of their panel.
    x, y, xlabel, ylabel, figure
        As for `decision_boundary`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.array([[0.0, 0.0], [1.0, 1.0]]), [0, 1]
    >>> figure = decision_boundaries(
    ...     {"by x₁": lambda points: points[:, 0], "by x₂": lambda points: points[:, 1]}, x, y
    ... )
    >>> [ax.get_title() for ax in figure.axes]
    ['by x₁', 'by x₂']
    """
    if not predictors:
        raise ValueError("predictors is empty: give at least one, by its title")
    columns = min(len(predictors), max(2, math.ceil(math.sqrt(len(predictors) * 1.6))))
    rows = -(-len(predictors) // columns)
    side = 2.9 if columns < 4 else 2.3  # inches: on a wider page text would be small
    figure = figure or new_figure(side * columns + 0.4, side * rows + 0.5)
    points, labels, classes = _checked(x, y)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for ax, (title, predict) in zip(axes.ravel(), predictors.items(), strict=False):
        _draw(ax, predict, points, labels, classes)
        ax.set_title(literal(title), fontsize=10)
    for ax in axes.ravel()[len(predictors) :]:
        ax.remove()
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=len(names), markerscale=2)
    figure.supxlabel(literal(xlabel))
    figure.supylabel(literal(ylabel))
    return figure


def _checked(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], Any, NDArray[Any]]:
    """Return points, the index of each one's class, and the classes."""
    points, labels = np.asarray(x, np.float64), np.asarray(y)
    if points.ndim != 2 or points.shape[1] != 2 or labels.shape != points.shape[:1]:
        raise ValueError(
            f"x has shape {points.shape} and y {labels.shape}; expected (N, 2) and (N,)"
        )
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"y holds {len(classes)} classes: a boundary lies between two at least")
    return points, codes, classes


def _draw(
    ax: Axes, predict: Predict, points: NDArray[np.float64], codes: Any, classes: NDArray[Any]
) -> None:
    """Draw regions, their borders, and the points on top."""
    low, high = points.min(axis=0), points.max(axis=0)
    room = _MARGIN * np.where(high > low, high - low, 1)
    grid = [np.linspace(a, b, _GRID) for a, b in zip(low - room, high + room, strict=True)]
    plane = np.stack(np.meshgrid(*grid), axis=-1)
    p = _probabilities(np.asarray(predict(plane.reshape(-1, 2))), classes)
    p = p.reshape(_GRID, _GRID, -1)
    ax.imshow(
        _blend(p),
        extent=(grid[0][0], grid[0][-1], grid[1][0], grid[1][-1]),
        origin="lower",
        aspect="auto",
        interpolation="bilinear",
    )
    for k in range(p.shape[2] if p.shape[2] > 2 else 1):
        others = np.delete(p, k, axis=2).max(axis=2)
        ax.contour(*grid, p[..., k] - others, levels=[0], colors="0.25", linewidths=1)
    size = 20 if len(points) <= 300 else 7
    jittered = _jittered(points)
    for k, name in enumerate(classes):
        across, up = jittered[codes == k].T
        ax.scatter(
            across,
            up,
            s=size,
            color=COLOURS[k % len(COLOURS)],
            edgecolors="white",
            linewidths=0.4 if size > 10 else 0,
            label=class_name(name),
        )


def _jittered(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points with jitter, if any two coincide."""
    if len(np.unique(points, axis=0)) == len(points):
        return points
    gaps = [np.diff(np.unique(axis)).min(initial=np.inf) for axis in points.T]
    far = _JITTER * np.where(np.isfinite(gaps), gaps, 0)
    return points + np.random.default_rng(0).uniform(-far, far, points.shape)


def _probabilities(predicted: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.float64]:
    """Probabilities (M, C) from a predictor's result."""
    if predicted.ndim == 2 and predicted.shape[1] == len(classes):
        return np.asarray(predicted, np.float64)
    second = predicted[:, 0] if predicted.ndim == 2 and predicted.shape[1] == 1 else predicted
    if second.ndim != 1:
        raise ValueError(
            f"predict gave shape {predicted.shape} for {len(classes)} classes; expected (M,) or "
            f"(M, {len(classes)})"
        )
    is_label = np.isin(second, classes).all() if classes.dtype.kind in "biuf" else False
    if second.dtype.kind == "f" and len(classes) == 2 and not is_label:
        return np.column_stack([1 - second, second]).astype(np.float64)
    return np.asarray(second[:, None] == classes, np.float64)


def _blend(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colour of each point: that of its most probable class, paler if that is less certain."""
    from matplotlib.colors import to_rgb

    colours = np.array([to_rgb(COLOURS[k % len(COLOURS)]) for k in range(p.shape[-1])])
    best, chance = p.argmax(axis=-1), 1 / p.shape[-1]
    sure = np.clip((p.max(axis=-1, keepdims=True) - chance) / (1 - chance), 0, 1)
    strength = 0.12 + 0.38 * sure
    return np.asarray(1 - strength * (1 - colours[best]))
