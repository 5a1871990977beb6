"""Observed against fitted values: a point for each row, and the line of equality."""

from __future__ import annotations

import numpy as np
import pytest

from nnaccel.plot._figure import new_figure
from nnaccel.plot.fitted import observed_against_fitted


@pytest.mark.parametrize("rows", [3, 2000])
def test_a_point_for_each_row(rows: int) -> None:
    rng = np.random.default_rng(0)
    y, fitted = rng.normal(size=(2, rows))
    (ax,) = observed_against_fitted(y, fitted, "wage", "R² = 0.5").axes
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), np.column_stack([fitted, y]))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("fitted wage", "observed wage")
    assert ax.get_title() == "R² = 0.5"


def test_the_line_is_where_both_are_equal() -> None:
    fitted = np.array([1.0, 5.0])
    (line,) = observed_against_fitted(fitted + 1, fitted).axes[0].lines
    assert line.get_slope() == 1
    x, y = line.get_xy1()
    assert x == y


def test_it_is_drawn_where_it_is_told() -> None:
    figure = new_figure(8, 4)
    assert observed_against_fitted(np.arange(3.0), np.arange(3.0), figure=figure) is figure
    assert len(figure.axes) == 1
