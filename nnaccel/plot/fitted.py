"""Plot of observed against fitted values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnaccel.plot._figure import draw_points, literal, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure


def observed_against_fitted(
    y: NDArray[Any],
    fitted: NDArray[Any],
    name: str = "value",
    title: str = "Observed against fitted",
    figure: Figure | SubFigure | None = None,
) -> Any:
    """Draw observed values over fitted ones, and the line where they are equal.

    Parameters
    ----------
    y, fitted : ndarray, shape (N,)
        Observed values and those fitted by a regression.
    name : str
        Name of the response, with units.
    title : str
    figure : matplotlib figure, optional
        Figure to draw in; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        Points above the line were fitted too low.

    Examples
    --------
    >>> import numpy as np
    >>> figure = observed_against_fitted(np.array([1.0, 2.0, 4.0]), np.array([1.1, 2.2, 3.7]))
    >>> figure.axes[0].get_xlabel()
    'fitted value'
    """
    figure = figure or new_figure(6, 5.4)
    ax = figure.subplots()
    draw_points(ax, fitted, y)
    middle = float(np.mean(fitted))
    ax.axline((middle, middle), slope=1, color="black", linewidth=1, label="observed = fitted")
    shown = literal(name)
    ax.set(title=literal(title), xlabel=f"fitted {shown}", ylabel=f"observed {shown}")
    ax.set_aspect("equal", adjustable="datalim")  # the line is at 45 degrees
    ax.grid(alpha=0.3)
    ax.legend()
    return figure
