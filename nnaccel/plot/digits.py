"""Plots of misclassified images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnaccel._validate import whole_number
from nnaccel.plot._classes import class_numbers, known_classes
from nnaccel.plot._figure import literal, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure


#: Most images that are drawn, images in a row, and inches for a row and for the title.
_MOST, _COLUMNS, _ROW, _TITLE = 40, 8, 1.3, 0.4
_MOST_IN_REPORT = 24
#: Most letters of a name.
_MAX_LETTERS = 6


def misread(
    model: Any,
    x: Any,
    y: Any,
    *,
    classes: Sequence[str] | None = None,
    most: int = _MOST,
    figure: Figure | SubFigure | None = None,
) -> Any:
    """Draw the images that a model gets wrong, with what it takes them for and how sure it is.

    Parameters
    ----------
    model : Sequential or classifier
        What gives probabilities of classes.
    x : array_like, shape (N, H, W) or (N, 1, H, W)
        Images, light on dark.
    y : array_like, shape (N,)
        Their labels: of a Sequential whole numbers from 0, or one-hot rows (N, C).
    classes : sequence of str, optional
        Name of each class; of a classifier its own, else numbers from 0. Long names are cut.
    most : int, default 40
        Images that are drawn at most: those that the model is surest of.
    figure : matplotlib figure, optional
        Figure to draw in; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        Each image is titled with its label, what it is read as, and the probability of that.

    Raises
    ------
    ValueError
        If the shapes are wrong, outputs are no probabilities, or labels are not classes of the
        model.

    Examples
    --------
    >>> import numpy as np
    >>> import nnaccel as nn
    >>> model = nn.Sequential([nn.Dense(2, "softmax", initializer="zeros")], seed=0)
    >>> model.build((3, 3))
    >>> figure = misread(model, np.ones((2, 3, 3)), [0, 1])
    >>> figure.get_suptitle(), figure.axes[0].get_title()
    ('1 misread of 2', '1 as 0, 50%')
    """
    most = whole_number("most", most, least=1)
    if isinstance(x, tuple):
        raise ValueError("misread draws the images of a model with one input, but x is a tuple")
    images, known = np.asarray(x), known_classes(model)
    if images.ndim == 4 and images.shape[1] == 1:
        images = images[:, 0]
    if images.ndim != 3:
        raise ValueError(f"x has shape {np.shape(x)}; expected images (N, H, W) or (N, 1, H, W)")
    p = np.asarray(model.predict(x) if known is None else model.predict_proba(x))
    if p.ndim > 2 or p.min() < 0 or p.max() > 1.001:  # rounding aside
        raise ValueError(
            f"the model gives numbers from {p.min():.4g} to {p.max():.4g} of shape {p.shape}; "
            "expected a probability for each class of each image, as a softmax at its end gives"
        )
    p = np.column_stack([1 - p, p]) if p.ndim == 1 or p.shape[1] == 1 else p
    known = np.arange(p.shape[1]) if known is None else known
    labels, found = class_numbers(y, known), p.argmax(axis=1)
    if len(labels) != len(images):
        raise ValueError(f"{len(images)} images and {len(labels)} labels: give one for each")
    names = [*map(str, known)] if classes is None else classes
    if len(names) != len(known):
        raise ValueError(f"{len(names)} names for {len(known)} classes")
    wrong = np.flatnonzero(found != labels)
    wrong = wrong[np.argsort(-p[wrong, found[wrong]], kind="stable")]
    shown, few = wrong[:most], f", the {most} surest" if len(wrong) > most else ""
    titles = [
        f"{_cut(names[labels[i]])} as {_cut(names[found[i]])}, {p[i, found[i]]:.0%}" for i in shown
    ]
    return _draw(images[shown], titles, f"{len(wrong):,} misread of {len(images):,}{few}", figure)


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

    See Also
    --------
    misread : With probabilities, of a model.

    Examples
    --------
    >>> from nnaccel.data import digits
    >>> _, (x, y) = digits()
    >>> figure = wrong_digits(x, y, (y + 1) % 10)
    >>> figure.axes[0].get_title() == f"{y[0]} as {(y[0] + 1) % 10}"
    True
    """
    wrong = np.flatnonzero(np.asarray(y) != np.asarray(predicted))
    shown = wrong[:_MOST_IN_REPORT]
    few = f", the first {len(shown)}" if len(shown) < len(wrong) else ""
    titles = [f"{y[i]} as {predicted[i]}" for i in shown]
    return _draw(x[shown], titles, f"{len(wrong):,} wrong of {len(y):,}{few}", figure)


def _draw(
    images: NDArray[Any], titles: Sequence[str], heading: str, figure: Figure | SubFigure | None
) -> Any:
    """Draw images in rows, each below its title."""
    rows = -(-len(images) // _COLUMNS)
    figure = figure or new_figure(9, _ROW * max(rows, 1) + _TITLE)
    figure.suptitle(heading)
    if not rows:
        return figure
    grid = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for ax in grid:
        ax.set_axis_off()
    for ax, image, title in zip(grid, images, titles, strict=False):
        ax.imshow(image, cmap="gray_r")
        ax.set_title(literal(title), fontsize=9)
    return figure


def _cut(name: str) -> str:
    return name if len(name) <= _MAX_LETTERS else f"{name[: _MAX_LETTERS - 1]}…"
