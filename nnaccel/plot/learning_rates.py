"""Plot of a search for a learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nnaccel.model.learning_rates import LearningRates
from nnaccel.plot._figure import COLOURS, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure


def learning_rates(found: LearningRates, figure: Figure | SubFigure | None = None) -> Any:
    """Draw the loss over the learning rate, and the rate at which it fell fastest.

    Parameters
    ----------
    found : LearningRates
        From `nnaccel.find_learning_rate`.
    figure : matplotlib figure, optional
        Figure to draw in; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> found = LearningRates(np.array([0.01, 0.1, 1]), np.array([2.0, 1.0, 3.0]), 0.1)
    >>> learning_rates(found).axes[0].get_title()
    'The loss falls fastest at a learning rate of 0.1'
    """
    figure = figure or new_figure(6, 3.6)
    ax = figure.subplots()
    ax.plot(found.rates, found.losses, color=COLOURS[0])
    ax.axvline(found.suggested, color=COLOURS[1], linestyle="--")
    ax.set(
        xscale="log",
        xlabel="learning rate",
        ylabel="loss, a moving average",
        title=f"The loss falls fastest at a learning rate of {found.suggested:.2g}",
    )
    ax.grid(alpha=0.3)
    return figure
