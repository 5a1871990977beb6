"""Plot of misclassified images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnaccel.plot._figure import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure


_MOST = 24


def wrong_digits(
    x: NDArray[Any],
    y: NDArray[Any],
    predicted: NDArray[Any],
    figure: Figure | SubFigure | None = None,
) -> Any:
    """Draw the first misclassified images.

    Parameters
    ----------
    x : ndarray, shape (N, H, W)
        Images, light on dark.
    y, predicted : ndarray of int, shape (N,)
        True and predicted labels.
    figure : matplotlib figure, optional
        Figure to draw in; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        At most 24 images, each titled "true as predicted".

    Examples
    --------
    >>> from nnaccel.data import digits
    >>> _, (x, y) = digits()
    >>> figure = wrong_digits(x, y, (y + 1) % 10)
    >>> figure.axes[0].get_title() == f"{y[0]} as {(y[0] + 1) % 10}"
    True
    """
    figure = figure or new_figure(9, 3.9)
    wrong = np.flatnonzero(np.asarray(y) != np.asarray(predicted))
    shown = wrong[:_MOST]
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
