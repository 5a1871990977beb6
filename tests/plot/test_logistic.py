"""The curve of a logistic regression, between its rows at 0 and at 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel import plot

X, Y = np.array([1.0, 2.0, 3.0, 4.0]), np.array(["no", "yes", "no", "yes"])


def test_the_curve_is_the_sigmoid_between_the_rows() -> None:
    (ax,) = plot.logistic_curve(X, Y, (-5, 2), xlabel="cm", title="Who").axes
    along, p = ax.lines[0].get_data()
    assert (along[0], along[-1]) == (1, 4)
    np.testing.assert_allclose(p, 1 / (1 + np.exp(5 - 2 * along)))
    for level, rows in enumerate(ax.collections):
        across, up = rows.get_offsets().T
        np.testing.assert_array_equal(across, X[level::2])
        np.testing.assert_allclose(up, level, atol=0.05)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("cm", "probability of yes", "Who")


def test_a_regression_is_taken_itself() -> None:
    model = nn.estimators.LogisticRegression().fit(X[:, None], Y)
    p = plot.logistic_curve(X, Y, model).axes[0].lines[0].get_ydata()
    np.testing.assert_allclose(p[[0, -1]], model.predict_proba([[1.0], [4.0]])[:, 1])
    wide = nn.estimators.LogisticRegression().fit(np.stack([X, X**2], axis=1), Y)
    with pytest.raises(ValueError, match="the model has 2 slopes"):
        plot.logistic_curve(X, Y, wide)


def test_a_step_does_not_overflow() -> None:
    p = plot.logistic_curve(X, [0, 0, 1, 1], (-2.5e6, 1e6)).axes[0].lines[0].get_ydata()
    assert set(p) == {0, 1}


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[:, None], Y, r"x has shape \(4, 1\)"),
        (X, Y[:3], r"y \(3,\)"),
        (X, np.arange(4), "y holds 4 classes"),
        (X, np.ones(4), "y holds 1 classes"),
    ],
)
def test_what_does_not_fit_is_told(x: Any, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plot.logistic_curve(x, y, (0, 1))


def test_the_legend_hides_no_rows() -> None:
    figure = plot.logistic_curve(np.repeat(X, 50), np.tile(Y, 50), (-5, 2))
    figure.draw_without_rendering()
    (legend,), (ax,) = figure.legends, figure.axes
    assert not legend.get_window_extent().overlaps(ax.get_window_extent())
