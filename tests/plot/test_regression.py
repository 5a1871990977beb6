"""The line of a regression, and the lines on the way to it."""

from __future__ import annotations

import numpy as np
import pytest

import nnaccel as nn
from nnaccel import plot

X, Y = np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0])


def test_each_line_runs_through_its_points() -> None:
    (ax,) = plot.regression_line(X, Y, [(0, 0), (1, 2)], ["begin", "end"], xlabel="cm").axes
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), np.column_stack([X, Y]))
    begin, end = ax.lines
    np.testing.assert_array_equal(begin.get_ydata(), [0, 0])
    np.testing.assert_array_equal(end.get_xdata(), [0, 2])
    np.testing.assert_array_equal(end.get_ydata(), [1, 5])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["begin", "end"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("cm", "y")


def test_losses_are_drawn_above_their_smallest() -> None:
    _, ax = plot.regression_line(X, Y, [(1, 2)], losses=[8.0, 2.0, 1.0]).axes
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [7, 1, np.nan])
    assert (ax.get_yscale(), ax.get_title()) == ("log", "Loss, down to 1")


def test_losses_are_drawn_above_the_least_possible() -> None:
    _, ax = plot.regression_line(X, Y, [(1, 2)], losses=[8.0, 2.0], least=0.5).axes
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [7.5, 1.5])
    assert ax.lines[0].get_marker() == "o"  # a line between few may be none
    assert ax.get_ylabel() == "loss above the least possible"


def test_losses_end_at_rounding() -> None:
    _, ax = plot.regression_line(X, Y, [(1, 2)], losses=[8.0, 2.0, 2.0], least=2.0).axes
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [6, 2e-15, 2e-15])
    assert ax.lines[1].get_label() == "rounding of the loss"


def test_a_regression_is_taken_itself() -> None:
    model = nn.estimators.LinearRegression().fit(X[:, None], Y)
    (ax,) = plot.regression_line(X, Y, model).axes
    np.testing.assert_allclose(ax.lines[0].get_ydata(), model.predict([[X.min()], [X.max()]]))


@pytest.mark.parametrize(("lines", "labels"), [([], None), ([(0, 1)], ["a", "b"])])
def test_lines_need_labels_for_each_or_none(lines: list[tuple[int, int]], labels: object) -> None:
    with pytest.raises(ValueError, match=f"{len(lines)} lines and"):
        plot.regression_line(X, Y, lines, labels)  # type: ignore[arg-type]
