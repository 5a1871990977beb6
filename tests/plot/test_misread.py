"""The picture of misread images: which are drawn, in what order, and what is written above them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from nnaccel import plot

IMAGES = np.zeros((4, 5, 4))
P = np.array([[0.9, 0.1, 0.0], [0.0, 0.6, 0.4], [0.2, 0.0, 0.8], [0.7, 0.2, 0.1]])


class Network:
    """Gives fixed probabilities, as a Sequential does."""

    def __init__(self, p: Any = P) -> None:
        self.p = np.asarray(p)

    def predict(self, x: Any) -> np.ndarray:
        return self.p


class Classifier(Network):
    """Gives labels, and probabilities if asked, as scikit-learn's do."""

    classes_ = np.array(["cat", "dog", "hippopotamus"])

    def predict_proba(self, x: Any) -> np.ndarray:
        return self.p


def titles(*args: Any, **settings: Any) -> list[str]:
    return [ax.get_title() for ax in plot.misread(*args, **settings).axes if ax.images]


def test_the_surest_mistakes_come_first() -> None:
    y = [0, 0, 1, 1]
    assert titles(Network(), IMAGES, y) == ["1 as 2, 80%", "1 as 0, 70%", "0 as 1, 60%"]
    figure = plot.misread(Network(), IMAGES, y, most=2)
    assert figure.get_suptitle() == "3 misread of 4, the 2 surest"
    assert sum(bool(ax.images) for ax in figure.axes) == 2


def test_labels_are_of_any_kind() -> None:
    expected = ["1 as 2, 80%"]
    assert titles(Network(), IMAGES[:, None], np.eye(3)[[0, 1, 1, 0]]) == expected
    assert titles(Network([[0.1], [0.8], [0.7], [0.2]]), IMAGES, [0, 1, 0, 0]) == ["0 as 1, 70%"]
    found = titles(Classifier(), IMAGES, ["cat", "dog", "cat", "cat"])
    assert found == ["cat as hippo…, 80%"]
    assert titles(Network(), IMAGES, [0, 1, 2, 1], classes=["$a", "$b", "c"]) == [
        r"\$b as \$a, 70%"
    ]


def test_where_none_is_wrong() -> None:
    figure = plot.misread(Network(), IMAGES, P.argmax(axis=1))
    assert (figure.get_suptitle(), figure.axes) == ("0 misread of 4", [])


def test_many_fit_the_page() -> None:
    rows = np.tile(P, (20, 1))
    figure = plot.misread(Network(rows), np.zeros((80, 4, 4)), np.zeros(80, int))
    figure.draw_without_rendering()
    shown = [ax for ax in figure.axes if ax.images]
    assert len(shown) == 40
    boxes = [ax.title.get_window_extent() for ax in shown[:8]]
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))


@pytest.mark.parametrize(
    ("x", "y", "settings", "words"),
    [
        (IMAGES.reshape(4, -1), [0] * 4, {}, r"x has shape \(4, 20\); expected images"),
        (IMAGES, [0] * 3, {}, "4 images and 3 labels"),
        ((IMAGES, IMAGES), [0] * 4, {}, "a model with one input, but x is a tuple"),
        (IMAGES, [0, 1, 2, 3], {}, "no classes of the model, such as 3: these are 0, 1, 2"),
        (IMAGES, [0] * 4, {"classes": ["a", "b"]}, "2 names for 3 classes"),
        (IMAGES, [0] * 4, {"most": 0}, "most=0"),
    ],
)
def test_what_does_not_fit_is_told(x: Any, y: Any, settings: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        plot.misread(Network(), x, y, **settings)


@pytest.mark.parametrize("outputs", [P * 2, P - 0.5, np.zeros((4, 3, 5, 4))])
def test_outputs_that_are_no_probabilities_are_told(outputs: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected a probability for each class of each image"):
        plot.misread(Network(outputs), IMAGES, [0] * 4)
