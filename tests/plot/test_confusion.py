"""A confusion matrix is read at 800 pixels wide, however many classes and however long names."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import nnaccel as nn
from nnaccel import plot


def test_it_shows_counts() -> None:
    figure = plot.confusion_matrix(
        np.array([[9, 1], [0, 5]]), classes=["cat", "dog"], title="Pets: 93% right"
    )
    ax = figure.axes[0]
    assert sorted(text.get_text() for text in ax.texts) == ["1", "5", "9"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["cat", "dog"]
    assert ax.get_title() == "Pets: 93% right"


@pytest.mark.parametrize(
    "classes",
    [
        ["no", "yes"],
        list("0123456789"),
        ["abcdefghijklmnopqrstuvwxy"] * 10,
        [f"class {i}" for i in range(30)],
        [f"a rather long name no. {i:02}" for i in range(30)],
        [str(i) for i in range(100)],
        ["x" * 200] * 3,
    ],
    ids=lambda classes: f"{len(classes)} of {len(classes[-1])}",
)
def test_names_do_not_run_into_each_other(classes: list[str]) -> None:
    figure = plot.confusion_matrix(np.eye(len(classes), dtype=int), classes=classes)
    figure.draw_without_rendering()
    width = figure.bbox.width
    ax = figure.axes[0]
    beside, below = ax.get_yticklabels(), ax.get_xticklabels()
    for text in (*beside, *below):
        assert text.get_fontsize() / 72 * figure.dpi / width * 800 > 10
    boxes = [text.get_window_extent() for text in beside]
    height = min(box.height for box in boxes)
    assert all(a.y0 >= b.y1 for a, b in itertools.pairwise(boxes))
    assert boxes[0].x0 > 0
    apart = abs(boxes[0].y0 - boxes[1].y0)  # of rows, and so of columns
    turn = below[0].get_rotation()
    if turn:
        assert apart * math.sin(math.radians(turn)) >= height
    else:
        assert max(text.get_window_extent().width for text in below) < apart


def test_counts_are_left_out_where_they_do_not_fit() -> None:
    names = [str(i) for i in range(30)]
    few, many = np.eye(30, dtype=int), 1000 * np.eye(30, dtype=int)
    assert len(plot.confusion_matrix(few, classes=names).axes[0].texts) == 30
    assert not plot.confusion_matrix(many, classes=names).axes[0].texts


class Parity:
    """A classifier that has its classes."""

    classes_ = np.array(["even", "odd"])

    def predict(self, x: object) -> np.ndarray:
        return self.classes_[np.asarray(x) % 2]


def test_a_model_is_counted() -> None:
    x = [0, 1, 2, 3]
    ax = plot.confusion_matrix(Parity(), x, ["even", "odd", "odd", "odd"]).axes[0]
    assert sorted(text.get_text() for text in ax.texts) == ["1", "1", "2"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["even", "odd"]
    with pytest.raises(ValueError, match="no classes of the model"):
        plot.confusion_matrix(Parity(), x, ["even", "odd", "what", "odd"])
    with pytest.raises(ValueError, match=r"confusion_matrix\(model, x, y\)"):
        plot.confusion_matrix(Parity())


def test_a_network_is_counted() -> None:
    x = np.eye(3, dtype=np.float32)
    model = nn.Sequential([nn.Dense(3, "softmax")], seed=0)
    model.build((3,))
    model.set_weights([20 * np.eye(3, dtype=np.float32), np.zeros(3, np.float32)])
    ax = plot.confusion_matrix(model, x, [0, 1, 1]).axes[0]
    assert {t.get_position(): t.get_text() for t in ax.texts} == {
        (0, 0): "1",
        (1, 1): "1",
        (2, 1): "1",
    }
    rows = plot.confusion_matrix(model, x[:1], [0]).axes[0].get_yticklabels()
    assert len(rows) == 3, "classes that no row has are there too"
    with pytest.raises(ValueError, match="such as 3: these are 0, 1, 2"):
        plot.confusion_matrix(model, x, [0, 1, 3])
    with pytest.raises(ValueError, match="2 names for 3 classes"):
        plot.confusion_matrix(model, x, [0, 1, 1], classes=["a", "b"])


def test_errors_have_a_scale_of_their_own() -> None:
    counts = 980 * np.eye(10, dtype=int) + 2
    figure = plot.confusion_matrix(counts)
    right, wrong = figure.axes[0].images
    assert (right.get_clim(), wrong.get_clim()) == ((0, 1), (0, pytest.approx(0.002)))
