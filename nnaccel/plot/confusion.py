"""Which class was taken for which, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnaccel.plot._figure import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure


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
    figure = figure or new_figure(6, 5.4)
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
