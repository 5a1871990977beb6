"""The figures have the axes they should, whatever they are given; the file is a whole PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nnaccel import plot
from nnaccel.data import digits
from nnaccel.training.metrics.confusion import confusion_counts, confusion_text

HISTORY = {
    "loss": [0.5, 0.3],
    "accuracy": [0.8, 0.9],
    "val_loss": [0.4, 0.35],
    "val_accuracy": [0.85, 0.88],
}
CLASSES = [str(digit) for digit in range(10)]


@pytest.fixture(scope="module")
def mistakes() -> Any:
    """Images with labels, and predictions that are wrong in 30 of 359 cases."""
    _, (x, y) = digits()
    predicted = y.copy()
    predicted[::12] = (predicted[::12] + 1) % 10
    return x, y, predicted


def test_curves_have_a_line_for_each_series() -> None:
    loss, accuracy = plot.training_curves(HISTORY).axes
    for ax, name in ((loss, "loss"), (accuracy, "accuracy")):
        training, validation = ax.lines
        np.testing.assert_array_equal(training.get_xdata(), [1, 2])
        np.testing.assert_array_equal(training.get_ydata(), HISTORY[name])
        np.testing.assert_array_equal(validation.get_ydata(), HISTORY[f"val_{name}"])
        assert ax.get_xlabel() == "epoch"
        assert ax.get_ylabel().startswith(name)


def test_curves_without_accuracy_or_validation() -> None:
    (ax,) = plot.training_curves({"loss": [1.0]}).axes
    assert len(ax.lines) == 1


def test_what_is_no_history_is_refused() -> None:
    for given in ({}, {"auc": [0.5]}, [0.5, 0.2], None):
        with pytest.raises(ValueError, match="neither 'loss' nor 'accuracy'"):
            plot.training_curves(given)


def test_wrong_digits_shows_the_first_24(mistakes: Any) -> None:
    _, y, predicted = mistakes
    figure = plot.wrong_digits(*mistakes)
    assert figure.get_suptitle() == "30 wrong of 359, the first 24"
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == [f"{y[i]} as {predicted[i]}" for i in range(0, 24 * 12, 12)]


def test_wrong_digits_where_none_is_wrong(mistakes: Any) -> None:
    x, y, _ = mistakes
    figure = plot.wrong_digits(x, y, y)
    assert (figure.get_suptitle(), figure.axes) == ("0 wrong of 359", [])


def test_report_is_a_png_and_nothing_is_left_beside(mistakes: Any, tmp_path: Path) -> None:
    _, y, predicted = mistakes
    counts = confusion_counts(y, predicted, 10)
    plot.save(plot.report(HISTORY, counts, CLASSES, mistakes), tmp_path / "report.png")
    with Image.open(tmp_path / "report.png") as image:
        assert (image.format, image.width) == ("PNG", 1350)
    assert [path.name for path in tmp_path.iterdir()] == ["report.png"]


def test_a_report_without_a_history_is_of_a_test(mistakes: Any) -> None:
    _, y, predicted = mistakes
    counts = confusion_counts(y, predicted, 10)
    titles = [part.get_title() for part in plot.report({}, counts, CLASSES).axes]
    assert "Confusion matrix" in titles
    assert "Loss" not in titles
    assert len(plot.report({}, counts, CLASSES, mistakes).axes) > 20


def test_the_parts_of_a_report_lie_below_each_other(mistakes: Any) -> None:
    counts = confusion_counts(mistakes[1], mistakes[2], 10)
    figure = plot.report(HISTORY, counts, CLASSES, mistakes)
    figure.draw_without_rendering()
    curves, matrix, digits = figure.subfigs
    assert curves.bbox.y0 >= matrix.bbox.y1
    assert matrix.bbox.y0 >= digits.bbox.y1
    assert {part.bbox.width for part in figure.subfigs} == {figure.bbox.width}
    for part in figure.subfigs:
        for ax in part.axes:
            assert ax.title.get_fontsize() / 72 * figure.dpi / figure.bbox.width * 800 > 10


def test_a_report_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        plot.save(plot.report({"loss": [1.0]}), tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_counts_are_by_true_class_then_by_predicted() -> None:
    counts = confusion_counts([0, 0, 2, 2], [0, 1, 2, 2], classes=3)
    assert counts.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 2]]


@pytest.mark.parametrize(
    ("y", "predicted", "message"),
    [([0, 1], [0], "both must be"), ([0, 3], [0, 1], "y holds"), ([0], [-1], "predicted holds")],
)
def test_counts_refuse_what_does_not_fit(y: Any, predicted: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        confusion_counts(y, predicted, classes=3)


def test_text_of_a_matrix_keeps_its_columns() -> None:
    text = confusion_text(np.array([[1000, 2], [0, 0]]), ["a", "a very long name"]).split("\n")
    assert text[1].split() == ["a", "a", "very", "lo…", "right"]
    assert text[2].split() == ["a", "1000", "2", "99.8%"]
    assert text[3].endswith("–")
    assert len({len(line) for line in text[1:]}) == 1


def test_text_of_a_matrix_in_few_columns_tells_what_classes_were_taken_for() -> None:
    counts = np.full((10, 10), 30) + np.diag(np.full(10, 900))
    counts[3, 5] = 77
    text = confusion_text(counts, "0123456789", width=40).split("\n")
    assert len(text) == 11
    assert max(map(len, text)) <= 40
    assert text[4].split()[2:4] == ["5", "(77),"]
    assert "predicted" in confusion_text(counts, "0123456789", width=80)
    rarer = confusion_text(np.array([[1, 9, 2], [0, 1, 0], [0, 0, 1]]), ["a", "elephant", "b"], 24)
    assert rarer.split("\n")[1] == "a           8.3%"  # elephants do not fit, nor do the rarer b
