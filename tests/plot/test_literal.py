"""Names show as they are, whatever they hold: none of them is taken for TeX."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnaccel import plot

NAME, LEVELS = "US$_per_kg_in_$", ["$0-$50", "$50_$100_"]
X, Y = np.arange(8.0), np.tile(LEVELS, 4)
PLANE = np.column_stack([X, X[::-1]])


def left(points: np.ndarray) -> np.ndarray:
    return np.asarray(points[:, 0] / 8)


PICTURES = {
    "boundary": lambda: plot.decision_boundary(left, PLANE, Y, NAME, NAME, NAME),
    "boundaries": lambda: plot.decision_boundaries({NAME: left}, PLANE, Y, NAME, NAME),
    "confusion": lambda: plot.confusion_matrix(np.eye(2, dtype=int), classes=LEVELS, title=NAME),
    "fitted": lambda: plot.observed_against_fitted(X, X, NAME, NAME),
    "logistic": lambda: plot.logistic_curve(X, Y, (0, 1), NAME, NAME),
    "maps": lambda: plot.feature_maps(np.zeros((2, 3, 3)), LEVELS, NAME),
    "line": lambda: plot.regression_line(X, X, [(0, 1)], [NAME], None, NAME, NAME, NAME),
}


def test_the_legend_has_names_that_begin_with_an_underscore() -> None:
    figure: Any = plot.decision_boundary(left, PLANE, ["_a", "_b"] * 4)
    figure.draw_without_rendering()
    assert [text.get_text()[-2:] for text in figure.legends[0].get_texts()] == ["_a", "_b"]


@pytest.mark.parametrize("kind", PICTURES)
def test_dollars_are_dollars(kind: str) -> None:
    from matplotlib.text import Text

    figure: Any = PICTURES[kind]()
    figure.draw_without_rendering()
    drawn = [text._preprocess_math(text.get_text()) for text in figure.findobj(Text)]
    named = [shown for shown, is_tex in drawn if "$" in shown and not is_tex]
    assert named
    assert all(any(name in shown for name in [NAME, *LEVELS]) for shown in named)
    # numbers beside an axis are TeX, and none of these holds a letter
    assert not [shown for shown, is_tex in drawn if is_tex and "per" in shown]
