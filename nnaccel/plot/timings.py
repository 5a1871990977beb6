"""Plot of where the time of a training step goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nnaccel.model.timing import Timings
from nnaccel.plot._figure import COLOURS, literal, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

_ROW = 0.26  # inches for a layer
_COLOURS = {"forward": COLOURS[0], "backward": COLOURS[1], "": COLOURS[-1]}


def timings(found: Timings, figure: Figure | SubFigure | None = None) -> Any:
    """Draw a bar for each layer, its forward and its backward pass end to end.

    Beside a bar is the layer's share of the step and, of matrix products, GFLOP/s.

    Parameters
    ----------
    found : Timings
        From ``nnaccel.explain(model, timed=True)``.
    figure : matplotlib figure, optional
        Figure to draw in; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TypeError
        If `found` is something else, such as what `explain` returns without ``timed=True``.

    Examples
    --------
    >>> from nnaccel.model.timing import Timing
    >>> found = Timings([Timing("dense", "forward", (), 4e-5, 1.0, 0)], 128, "numba")
    >>> timings(found).axes[0].get_title()
    '40 µs a step of 128 items on numba'
    """
    if not isinstance(found, Timings):
        raise TypeError(
            f"{type(found).__name__} has no times: give what explain(model, timed=True) returns"
        )
    layers = list(dict.fromkeys(timing.layer for timing in found))
    figure = figure or new_figure(8, 1.2 + _ROW * len(layers))
    ax = figure.subplots()
    ends = dict.fromkeys(layers, 0.0)
    for direction, colour in _COLOURS.items():
        rows = [timing for timing in found if timing.direction == direction]
        places = [layers.index(timing.layer) for timing in rows]
        widths = [1e6 * timing.seconds for timing in rows]
        starts = [ends[timing.layer] for timing in rows]
        ax.barh(places, widths, left=starts, color=colour, label=direction or "besides layers")
        for timing, width in zip(rows, widths, strict=True):
            ends[timing.layer] += width
    for place, layer in enumerate(layers):
        own = [timing for timing in found if timing.layer == layer]
        text = f" {sum(timing.share for timing in own):.0%}"
        gflop, seconds = sum(t.gflop for t in own), sum(t.seconds for t in own)
        if gflop and seconds:
            text += f", {gflop / seconds:.0f} GFLOP/s"
        ax.text(ends[layer], place, text, va="center", fontsize=8)
    ax.set(
        xlabel="µs",
        title=f"{1e6 * found.seconds:,.0f} µs a step of {found.batch_size:,} items on "
        f"{literal(found.backend)}",
    )
    ax.set_yticks(range(len(layers)), [literal(layer) for layer in layers])
    ax.invert_yaxis()
    ax.margins(x=0.2)
    ax.legend()
    return figure
