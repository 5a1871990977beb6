"""Decision boundaries stand where the prediction changes, whatever form it has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnaccel import plot

X = np.array([[0.0, 0.0], [1.0, 0.2], [0.1, 1.0], [0.9, 0.8]])
Y = np.array(["left", "right", "left", "right"])


def steep(points: np.ndarray) -> np.ndarray:
    """Probability of the right side of x = 0.5."""
    return np.asarray(1 / (1 + np.exp(-20 * (points[:, 0] - 0.5))))


FORMS = {
    "of the second class": steep,
    "as a column": lambda points: steep(points)[:, None],
    "of both": lambda points: np.column_stack([1 - steep(points), steep(points)]),
    "labels": lambda points: np.where(points[:, 0] > 0.5, "right", "left"),
}


def border(ax: Any) -> np.ndarray:
    """Points of the line between two regions."""
    lines = [
        path.vertices for c in ax.collections for path in c.get_paths() if c.get_array() is not None
    ]
    return np.concatenate(lines)


@pytest.mark.parametrize("form", FORMS)
def test_the_border_is_where_the_prediction_changes(form: str) -> None:
    (ax,) = plot.decision_boundary(FORMS[form], X, Y, title="Sides").axes
    np.testing.assert_allclose(border(ax)[:, 0], 0.5, atol=0.01)
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()] == ["left", "right"]
    colours = ax.images[0].get_array()
    left, right = colours[100, 5], colours[100, -5]
    assert left[2] > left[0]  # blue
    assert right[0] > right[2]  # orange


def test_labels_may_be_floats() -> None:
    def labels(points: np.ndarray) -> np.ndarray:
        return np.where(points[:, 0] > 0.5, 2.0, 1.0)

    (ax,) = plot.decision_boundary(labels, X, np.array([1.0, 2.0, 1.0, 2.0])).axes
    np.testing.assert_allclose(border(ax)[:, 0], 0.5, atol=0.01)


def test_the_legend_says_that_numbers_are_classes() -> None:
    (ax,) = plot.decision_boundary(steep, X, [0, 1, 0, 1]).axes
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()] == ["class 0", "class 1"]


def test_the_less_sure_the_paler() -> None:
    colours = plot.decision_boundary(steep, X, Y).axes[0].images[0].get_array()
    assert colours[100, 98].min() > colours[100, 20].min()


def test_three_classes_have_a_border_each() -> None:
    x, y = np.vstack([X, [[0.5, 2.0]]]), np.array([0, 1, 0, 1, 2])

    def nearest(points: np.ndarray) -> np.ndarray:
        p = np.exp(
            -5 * np.array([((points - c) ** 2).sum(1) for c in ([0, 0], [1, 0], [0.5, 2])])
        ).T
        return np.asarray(p / p.sum(axis=1, keepdims=True))

    ax = plot.decision_boundary(nearest, x, y).axes[0]
    assert len(ax.collections) == 3 + 3  # borders, and points of each class


def test_panels_have_their_titles_and_share_axes() -> None:
    figure = plot.decision_boundaries(dict.fromkeys("abcde", steep), X, Y)
    assert [ax.get_title() for ax in figure.axes] == list("abcde")
    assert len({ax.get_xlim() for ax in figure.axes}) == 1


def test_text_of_many_panels_is_read_at_800_pixels() -> None:
    figure = plot.decision_boundaries(dict.fromkeys("abcdefgh", steep), X, Y)
    size = figure.axes[0].title.get_fontsize() / 72 * 800 / figure.get_figwidth()
    assert size > 10


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot.decision_boundary(steep, X[:, :1], Y), r"x has shape \(4, 1\)"),
        (lambda: plot.decision_boundary(steep, X, Y[:3]), r"y \(3,\)"),
        (
            lambda: plot.decision_boundary(lambda p: np.ones((len(p), 5)), X, Y),
            "predict gave shape",
        ),
        (lambda: plot.decision_boundaries({}, X, Y), "predictors is empty"),
    ],
)
def test_what_does_not_fit_is_told(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("count", [0, 4])
def test_one_class_has_no_boundary(count: int) -> None:
    with pytest.raises(ValueError, match="a boundary lies between two at least"):
        plot.decision_boundary(steep, X[:count], np.zeros(count))


def test_points_in_one_place_do_not_hide_each_other() -> None:
    x = np.random.default_rng(0).integers(0, 3, (60, 2)).astype(float)
    figure = plot.decision_boundary(steep, x, np.arange(60) % 2)
    drawn = np.concatenate([points.get_offsets() for points in figure.axes[0].collections[1:]])
    wanted = np.concatenate([x[::2], x[1::2]])
    assert len(np.unique(drawn, axis=0)) == 60
    np.testing.assert_array_equal(np.rint(drawn), wanted)
    for same in (X, np.array([[1.0, 2.0]] * 4)):  # none shares its place; no next one to measure by
        points = plot.decision_boundary(steep, same, Y).axes[0].collections[1:]
        assert {tuple(each) for p in points for each in p.get_offsets()} == set(map(tuple, same))
