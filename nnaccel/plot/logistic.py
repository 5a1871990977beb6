"""Plot of a logistic regression with one variable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from nnaccel.plot._figure import (
    COLOURS,
    class_name,
    legend_below,
    literal,
    new_figure,
    straight_line,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

#: Jitter of rows around 0 and 1, which shows how many coincide.
_JITTER = 0.03


def logistic_curve(
    x: ArrayLike,
    y: ArrayLike,
    model: Any,
    xlabel: str = "x",
    title: str = "Logistic regression",
    figure: Figure | SubFigure | None = None,
) -> Any:
    """Draw rows of two classes at 0 and at 1, and the probability of the second between them.

    Parameters
    ----------
    x : array_like, shape (N,)
    y : array_like, shape (N,)
        Labels of any type; the second class is the last one in sorted order.
    model : LogisticRegression or (float, float)
        A regression fitted to these rows; or intercept and slope of the log-odds of the second
        class.
    xlabel, title : str
        Names, with units.
    figure : matplotlib figure, optional
        Figure to draw in; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        Rows are jittered around 0 and 1.

    Raises
    ------
    ValueError
        If the shapes are wrong, or there are not two classes.

    Examples
    --------
    >>> figure = logistic_curve([1, 2, 3, 4], ["no", "yes", "no", "yes"], (-2.5, 1))
    >>> figure.axes[0].get_ylabel()
    'probability of yes'
    """
    points, labels = np.asarray(x, np.float64), np.asarray(y)
    if points.ndim != 1 or labels.shape != points.shape:
        raise ValueError(
            f"x has shape {points.shape} and y {labels.shape}; expected (N,) and (N,): one "
            "variable, and a label for each row"
        )
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) != 2:
        raise ValueError(f"y holds {len(classes)} classes; a logistic curve needs two")
    intercept, slope = straight_line(model)
    figure = figure or new_figure(6.4, 4.4)
    ax = figure.subplots()
    jitter = np.random.default_rng(0).uniform(-_JITTER, _JITTER, len(codes))
    for k, name in enumerate(classes):
        ax.scatter(
            points[codes == k],
            (codes + jitter)[codes == k],
            s=20,
            color=COLOURS[k],
            alpha=0.4,
            edgecolors="none",
            label=f"{class_name(name)} (spread around {k} to be seen)",
        )
    along = np.linspace(points.min(), points.max(), 500)
    p = (1 + np.tanh((intercept + slope * along) / 2)) / 2  # a sigmoid that cannot overflow
    ax.plot(along, p, color="black", linewidth=2, label="fitted probability")
    ax.set(title=literal(title), xlabel=literal(xlabel))
    ax.set_ylabel(f"probability of {class_name(classes[1])}")
    ax.grid(alpha=0.3)
    legend_below(figure, ax)
    return figure
