"""Plots of feature maps and filters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnaccel.filters.page import ends, grid
from nnaccel.plot._figure import literal, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

_MOST = 64


def feature_maps(
    maps: ArrayLike,
    titles: Sequence[str] | None = None,
    title: str = "",
    figure: Figure | SubFigure | None = None,
) -> Any:
    """Draw maps in a grid, each from its small numbers, black, to its large ones, white.

    The lowest and the highest 5 percent of numbers are clipped, so that a few extreme pixels do
    not leave the rest grey.

    Parameters
    ----------
    maps : array_like, shape (F, H, W)
        As returned by `nnaccel.filters.apply` or `feature_maps`; the first 64 are drawn.
    titles : sequence of str, optional
        Title of each map.
    title : str, optional
        Title of the figure.
    figure : matplotlib figure, optional
        Figure to draw in; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the shape is wrong, or there is not a title for each map.

    Examples
    --------
    >>> import numpy as np
    >>> figure = feature_maps(np.random.default_rng(0).normal(size=(3, 8, 8)), ["a", "b", "c"])
    >>> [ax.get_title() for ax in figure.axes]
    ['a', 'b', 'c']
    """
    checked = _checked(maps, titles)
    limits = [
        {"cmap": "gray", "vmin": low, "vmax": high} for low, high in (ends(m, 5) for m in checked)
    ]
    return _grid(checked, titles, title, figure, limits)


def filter_weights(
    weights: ArrayLike,
    titles: Sequence[str] | None = None,
    title: str = "",
    figure: Figure | SubFigure | None = None,
) -> Any:
    """Draw filters in a grid, on one colour scale: negative weights blue, positive ones red.

    Parameters
    ----------
    weights : array_like, shape (F, R, S)
        As returned by `nnaccel.filters.layer_filters`; the first 64 are drawn.
    titles, title, figure
        As for `feature_maps`.

    Returns
    -------
    matplotlib.figure.Figure
        The grid and its colour bar.

    Examples
    --------
    >>> from nnaccel.filters import random_bank
    >>> len(filter_weights(random_bank(4, seed=0)).axes)  # four and the scale
    5
    """
    checked = _checked(weights, titles)
    largest = float(np.abs(checked).max()) or 1.0
    limits = {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest}
    figure = _grid(checked, titles, title, figure, [limits] * len(checked))
    shown = [ax for ax in figure.axes if ax.images]
    bar = figure.colorbar(shown[0].images[0], ax=shown, shrink=0.8)
    bar.set_label("weight")
    return figure


def _checked(maps: ArrayLike, titles: Sequence[str] | None) -> NDArray[Any]:
    """Return the maps to draw."""
    checked = np.asarray(maps)
    if checked.ndim != 3 or not checked.size:
        raise ValueError(f"maps have shape {checked.shape}; expected (F, H, W), not empty")
    if titles is not None and len(titles) != len(checked):
        raise ValueError(f"{len(titles)} titles for {len(checked)} pictures: give one for each")
    return checked[:_MOST]


def _grid(
    maps: NDArray[Any],
    titles: Sequence[str] | None,
    title: str,
    figure: Figure | SubFigure | None,
    styles: Sequence[dict[str, Any]],
) -> Any:
    """Draw pictures in a near-square grid."""
    rows, columns = grid(len(maps))
    shape = maps.shape[1] / maps.shape[2]
    caption = 0.3 if titles is not None else 0.08
    figure = figure or new_figure(
        9, 9 / columns * shape * rows + caption * rows + 0.4 * bool(title)
    )
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for i, ax in enumerate(axes):
        if i >= len(maps):
            ax.remove()
            continue
        ax.imshow(maps[i], **styles[i])
        ax.set_xticks([])
        ax.set_yticks([])
        if titles is not None:
            ax.set_title(literal(titles[i]), fontsize=10)
    if title:
        figure.suptitle(literal(title))
    return figure
