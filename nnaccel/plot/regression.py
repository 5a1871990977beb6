"""Plot of a linear regression with one variable, and of its gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from nnaccel.plot._figure import COLOURS, literal, new_figure, straight_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

#: Share of a loss that is rounding.
_ROUNDING = 1e-15


def regression_line(
    x: ArrayLike,
    y: ArrayLike,
    lines: Any,
    labels: Sequence[str] | None = None,
    losses: Sequence[float] | None = None,
    least: float | None = None,
    xlabel: str = "x",
    ylabel: str = "y",
    title: str = "Regression line",
    figure: Figure | SubFigure | None = None,
) -> Any:
    """Draw points and the line, or lines, of a regression.

    Parameters
    ----------
    x, y : array_like, shape (N,)
    lines : LinearRegression, or sequence of (float, float)
        A regression fitted to these rows; or intercepts and slopes of one line, or of several steps
        of a descent, drawn from pale to dark.
    labels : sequence of str, optional
        Labels of the lines, for a legend.
    losses : sequence of float, optional
        Loss of each step of a descent; drawn beside, minus `least`, on a logarithmic scale.
    least : float, optional
        The smallest possible loss; by default the smallest of `losses`.
    xlabel, ylabel, title : str
        Names, with units.
    figure : matplotlib figure, optional
        Figure to draw in; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no line, or there is not a label for each.

    Examples
    --------
    >>> figure = regression_line([0, 1, 2], [1, 3, 5], [(0, 0), (1, 2)], ["begin", "end"])
    >>> len(figure.axes[0].lines)
    2
    """
    lines = [straight_line(lines)] if hasattr(lines, "coef_") else lines
    if not len(lines) or (labels is not None and len(labels) != len(lines)):
        raise ValueError(
            f"{len(lines)} lines and {0 if labels is None else len(labels)} labels: expected at "
            "least one line, and a label for each or none"
        )
    x, y = np.asarray(x, float), np.asarray(y, float)
    if not x.size or x.ndim != 1 or x.shape != y.shape or (losses is not None and not len(losses)):
        raise ValueError(
            f"x has shape {x.shape} and y {y.shape}: expected (N,) of both, N at least 1, and a "
            "loss for each step or losses=None"
        )
    figure = figure or new_figure(9 if losses is not None else 6, 4.4)
    axes = figure.subplots(1, 2 if losses is not None else 1, squeeze=False)[0]
    _draw_lines(axes[0], x, y, lines, labels)
    axes[0].set(title=literal(title), xlabel=literal(xlabel), ylabel=literal(ylabel))
    if losses is not None:
        _draw_losses(axes[1], np.asarray(losses, float), least)
    return figure


def _draw_lines(
    ax: Axes, x: Any, y: Any, lines: Sequence[tuple[float, float]], labels: Sequence[str] | None
) -> None:
    """Draw the points, and lines from pale to dark."""
    from matplotlib import colormaps

    ax.scatter(x, y, s=18, color="0.6", edgecolors="none", zorder=1)
    ends = np.array([x.min(), x.max()])
    shades = colormaps["Blues"](np.linspace(0.3, 0.9, len(lines)))
    for i, (intercept, slope) in enumerate(lines):
        last = i == len(lines) - 1
        ax.plot(
            ends,
            intercept + slope * ends,
            color=COLOURS[1] if last else shades[i],
            linewidth=2.5 if last else 1.8,
            label=None if labels is None else literal(labels[i]),
            zorder=3 if last else 2,
        )
    ax.grid(alpha=0.3)
    if labels is not None:
        ax.legend()


def _draw_losses(ax: Axes, losses: Any, least: float | None) -> None:
    """Draw the losses minus the least; few losses also as points."""
    from matplotlib.ticker import MaxNLocator

    above = losses - (losses.min() if least is None else least)
    floor = _ROUNDING * losses.min()
    is_drawn, at_floor = above > floor, floor if least is not None and floor > 0 else np.nan
    shown = np.where(is_drawn, above, at_floor)
    ax.plot(shown, color=COLOURS[0], marker="o" if len(losses) <= 30 else "", markersize=4)
    if np.isfinite(at_floor) and not is_drawn.all():
        ax.axhline(floor, color="0.6", linestyle="--", linewidth=1, label="rounding of the loss")
        ax.legend()
    ax.set_yscale("log")
    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    ax.set(
        title=f"Loss, down to {losses.min():.4g}",
        xlabel="step of gradient descent",
        ylabel=f"loss above {'its smallest' if least is None else 'the least possible'}",
    )
    ax.grid(alpha=0.3)
