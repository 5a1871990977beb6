"""The four plots of a linear regression's residuals, as R's `plot(lm(…))` draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nnaccel.plot._figure import COLOURS, draw_points, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from nnaccel.estimators import Diagnostics

#: Rows that are numbered in each plot.
_NUMBERED = 3


def diagnostics(found: Diagnostics, figure: Figure | SubFigure | None = None) -> Any:
    """Draw residuals against fits and normal quantiles, their spread, and their leverage.

    Parameters
    ----------
    found : Diagnostics
        What `LinearRegression.diagnose` returns.
    figure : matplotlib figure, optional
        Figure to draw in; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        The three rows that stand out most are numbered from 0. Curves are means of the points
        around them; dashed ones, Cook's distances of 0.5 and 1.

    Raises
    ------
    TypeError
        If `found` is something else, such as the regression.
    ValueError
        If the regression leaves no residuals.

    Examples
    --------
    >>> from nnaccel.estimators import LinearRegression
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 4.0]
    >>> figure = diagnostics(LinearRegression().fit(X, y).diagnose(X, y))
    >>> [ax.get_title() for ax in figure.axes]
    ['Residuals against fits', 'Normal quantiles', 'Spread against fits', 'Leverage']
    """
    if not hasattr(found, "standardized"):
        raise TypeError(
            f"{type(found).__name__} is no Diagnostics: give what LinearRegression's "
            "diagnose(X, y) returns"
        )
    known = np.isfinite(found.standardized) & (found.weights > 0)
    if not known.any():
        raise ValueError("no row has a residual: there are no more rows than coefficients")
    figure = figure or new_figure(9, 7.5)
    axes = figure.subplots(2, 2)
    standardized, leverage = found.standardized[known], found.leverage[known]
    fitted, rows = found.fitted[known], np.flatnonzero(known)
    spread = np.sqrt(np.abs(standardized))
    residuals = (np.sqrt(found.weights) * found.residuals)[known]
    _scatter(axes[0, 0], fitted, residuals, rows, np.abs(residuals))
    axes[0, 0].axhline(0, color="0.6", linewidth=1, zorder=0)
    axes[0, 0].set(title="Residuals against fits", xlabel="fitted value", ylabel="residual")
    _quantiles(axes[0, 1], standardized, rows)
    _scatter(axes[1, 0], fitted, spread, rows, spread)
    axes[1, 0].set(
        title="Spread against fits",
        xlabel="fitted value",
        ylabel="root of |standardized residual|",
    )
    _scatter(axes[1, 1], leverage, standardized, rows, found.cooks_distance[known])
    axes[1, 1].axhline(0, color="0.6", linewidth=1, zorder=0)
    _cooks_distances(axes[1, 1], found)
    axes[1, 1].set(title="Leverage", xlabel="leverage", ylabel="standardized residual")
    for ax in axes.flat:
        ax.grid(alpha=0.3)
    return figure


def _scatter(ax: Axes, x: Any, y: Any, rows: Any, size: Any) -> None:
    """Draw points with the local mean of y, and number those of the largest sizes."""
    ax.margins(0.08)  # room for numbers
    draw_points(ax, x, y)
    order = np.argsort(x, kind="stable")
    if len(x) >= 5:
        smooth = _local_mean(x[order], y[order])
        ax.plot(x[order], smooth, color=COLOURS[1], linewidth=1.5)
    _number(ax, x, y, rows, size)


def _number(ax: Axes, x: Any, y: Any, rows: Any, size: Any) -> None:
    for i in np.argsort(-size, kind="stable")[:_NUMBERED]:
        ax.annotate(
            str(rows[i]), (x[i], y[i]), (4, 4), textcoords="offset points", fontsize="small"
        )


def _local_mean(x: Any, y: Any) -> Any:
    """Mean of y around each of the ascending x, weighted by nearness (Nadaraya and Watson)."""
    width = max(float(np.std(x)) / 2, 1e-300)
    grid = np.linspace(x[0], x[-1], 80)
    near = np.exp(-0.5 * ((grid[:, None] - x) / width) ** 2)
    return np.interp(x, grid, (near @ y) / near.sum(axis=1))


def _quantiles(ax: Axes, standardized: Any, rows: Any) -> None:
    """Draw standardized residuals against normal quantiles, with a line through the quartiles."""
    from scipy import stats

    order = np.argsort(standardized, kind="stable")
    count = len(order)
    shift = 3 / 8 if count <= 10 else 1 / 2
    expected = stats.norm.ppf((np.arange(1, count + 1) - shift) / (count + 1 - 2 * shift))
    observed = standardized[order]
    ax.margins(0.08)
    draw_points(ax, expected, observed)
    low, high = np.quantile(observed, [0.25, 0.75])
    slope = (high - low) / (2 * stats.norm.ppf(0.75))
    ax.axline((0, (low + high) / 2), slope=slope, color="black", linewidth=1)
    _number(ax, expected, observed, rows[order], np.abs(observed))
    ax.set(title="Normal quantiles", xlabel="normal quantile", ylabel="standardized residual")


def _cooks_distances(ax: Axes, found: Diagnostics) -> None:
    """Draw where Cook's distance is 0.5 and 1, within the limits of the points."""
    low, high = ax.get_ylim()
    left, right = ax.get_xlim()
    grid = np.linspace(max(left, 1e-3), min(right, 0.999), 200)
    for distance in (0.5, 1.0):
        edge = np.sqrt(distance * found.rank * (1 - grid) / grid)
        for sign in (1, -1):
            ax.plot(grid, sign * edge, "--", color="0.4", linewidth=1)
    ax.set(ylim=(low, high), xlim=(left, right))
