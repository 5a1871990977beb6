"""Every metric against scikit-learn, over ragged batches, in training and with validation data."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

import nnaccel as nn
from nnaccel import metrics

RNG = np.random.default_rng(0)
X = RNG.normal(size=(61, 5)).astype("float32")
CLASSES = (2 * X[:, 0] + RNG.normal(size=61) > 0).astype(int) + (X[:, 1] > 0.7)
LABELS = (X[:, :3] + 0.5 * RNG.normal(size=(61, 3)) > 0.2).astype("float32")
NUMBERS = (X[:, :2] + 5 + RNG.normal(size=(61, 2))).astype("float32")


def top(k: int, y: Any, p: Any) -> float:
    return float(sk.top_k_accuracy_score(y, p, k=k, labels=range(p.shape[1])))


def by_class(score: Callable[..., Any], **settings: Any) -> Callable[..., float]:
    return lambda y, p: score(y, p.argmax(axis=1), zero_division=0, **settings)


def auc(y: Any, p: Any) -> float:
    columns = range(p.shape[1])
    return float(np.mean([sk.roc_auc_score(y == c, p[:, c]) for c in columns]))


#: Of one class a row: the metric, and the value from labels and outputs.
OF_CLASSES: dict[str, tuple[Any, Callable[..., float]]] = {
    "accuracy": ("accuracy", lambda y, p: sk.accuracy_score(y, p.argmax(axis=1))),
    "top 1": (metrics.TopKCategoricalAccuracy(1), partial(top, 1)),
    "top 2": (metrics.TopKCategoricalAccuracy(2), partial(top, 2)),
    "precision": ("precision", by_class(sk.precision_score, average="macro")),
    "recall": ("recall", by_class(sk.recall_score, average="macro")),
    "f1": ("f1", by_class(sk.f1_score, average="macro")),
    "micro": (metrics.Precision("micro"), by_class(sk.precision_score, average="micro")),
    "weighted": (metrics.Recall("weighted"), by_class(sk.recall_score, average="weighted")),
    "weighted f1": (metrics.F1Score("weighted"), by_class(sk.f1_score, average="weighted")),
    "auc": ("auc", auc),
    "confusion_matrix": ("confusion_matrix", lambda y, p: (p.argmax(axis=1) == y).mean()),
}
#: Of one output: the metric, and the value from labels and the output.
OF_ONE: dict[str, tuple[Any, Callable[..., float]]] = {
    "precision": ("precision", lambda y, p: sk.precision_score(y, p > 0.5)),
    "recall": (metrics.Recall(threshold=0.3), lambda y, p: sk.recall_score(y, p > 0.3)),
    "f1": ("f1", lambda y, p: sk.f1_score(y, p > 0.5)),
    "micro": (metrics.F1Score("micro"), lambda y, p: sk.f1_score(y, p > 0.5)),
    "weighted": (metrics.Precision("weighted"), lambda y, p: sk.precision_score(y, p > 0.5)),
    "auc": ("auc", sk.roc_auc_score),
    "confusion_matrix": ("confusion_matrix", lambda y, p: sk.accuracy_score(y, p > 0.5)),
}
#: Of several labels a row.
OF_LABELS: dict[str, tuple[Any, Callable[..., float]]] = {
    average: (
        metrics.F1Score(average, multi_label=True),  # type: ignore[arg-type]
        lambda y, p, average=average: sk.f1_score(y, p > 0.5, average=average),
    )
    for average in ("macro", "micro", "weighted")
} | {"auc": ("auc", partial(sk.roc_auc_score, average="macro"))}
#: Of numbers.
OF_NUMBERS: dict[str, tuple[Any, Callable[..., float]]] = {
    "mae": ("mae", sk.mean_absolute_error),
    "mse": ("mse", sk.mean_squared_error),
    "rmse": ("rmse", lambda y, p: sk.mean_squared_error(y, p) ** 0.5),
    "r2": ("r2", sk.r2_score),
}


def check(metric: Any, value: Any, y: Any, last: str, units: int, loss: str) -> None:
    """Compare evaluation and validation with the value from all outputs at once."""
    model = nn.Sequential([nn.Dense(6, "tanh"), nn.Dense(units, last)], seed=1)
    model.compile(loss, nn.optim.Adam(0.02), metrics.get(metric))
    weights = RNG.uniform(0.1, 3, 61)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # undefined ones, of scikit-learn
        pair = X[:41], y[:41], weights[:41]
        found = model.fit(X, y, batch_size=8, epochs=4, validation_data=pair, verbose=0).history
        name = model.metrics[0]
        outputs = model.predict(X)
        outputs = outputs[:, 0] if units == 1 else outputs
        assert found[f"val_{name}"][-1] == pytest.approx(value(y[:41], outputs[:41]), rel=1e-5)
        for rows in (7, 61):  # weights change no metric
            again = model.evaluate(X, y, batch_size=rows, sample_weight=weights)[1]
            assert again == pytest.approx(value(y, outputs), rel=1e-5)


@pytest.mark.parametrize("name", OF_CLASSES)
def test_of_classes(name: str, backend: Any) -> None:
    check(*OF_CLASSES[name], CLASSES, "softmax", 3, "categorical_crossentropy")


@pytest.mark.parametrize("name", OF_ONE)
def test_of_one_output(name: str, backend: Any) -> None:
    check(*OF_ONE[name], (CLASSES > 0).astype(int), "sigmoid", 1, "binary_crossentropy")


@pytest.mark.parametrize("name", OF_LABELS)
def test_of_labels(name: str, backend: Any) -> None:
    check(*OF_LABELS[name], LABELS, "sigmoid", 3, "binary_crossentropy")


@pytest.mark.parametrize("name", OF_NUMBERS)
@pytest.mark.parametrize("units", [1, 2])
def test_of_numbers(name: str, units: int, backend: Any) -> None:
    y = NUMBERS if units == 2 else NUMBERS[:, 0]
    check(*OF_NUMBERS[name], y, "linear", units, "mse")


def test_every_metric_of_the_registry_is_compared() -> None:
    tables = OF_CLASSES, OF_ONE, OF_LABELS, OF_NUMBERS
    compared = {type(metrics.get(metric)) for table in tables for metric, _ in table.values()}
    assert set(metrics.METRICS.values()) <= compared | {metrics.BinaryAccuracy}


def test_values_of_each_class_stay_with_the_object(backend: Any) -> None:
    found = [metrics.Precision(), metrics.AUC(), metrics.ConfusionMatrix()]
    model = nn.Sequential([nn.Dense(3, "softmax")], seed=0)
    model.compile(metrics=found)
    model.evaluate(X, CLASSES, batch_size=7)
    p = model.predict(X)
    predicted, each = p.argmax(axis=1), np.eye(3)[CLASSES]
    np.testing.assert_allclose(
        found[0].per_class, sk.precision_score(CLASSES, predicted, average=None, zero_division=0)
    )
    np.testing.assert_allclose(found[1].per_class, sk.roc_auc_score(each, p, average=None))
    np.testing.assert_array_equal(found[2].counts, sk.confusion_matrix(CLASSES, predicted))


def test_classes_that_are_missing() -> None:
    p, t = np.eye(3)[[0, 0, 1, 1]], np.eye(3)[[0, 1, 1, 1]]
    area, recall = metrics.AUC(), metrics.Recall()
    for metric in (area, recall):
        metric.update(p, t)
    np.testing.assert_array_equal(np.isnan(area.per_class), [False, False, True])
    assert area.result() == np.mean(area.per_class[:2])
    assert recall.result() == sk.recall_score([0, 1, 1, 1], [0, 0, 1, 1], average="macro")


def test_equal_outputs_count_half() -> None:
    p, t = RNG.integers(4, size=(50, 1)) / 4, RNG.integers(2, size=(50, 1))
    area = metrics.AUC()
    for start in range(0, 50, 7):
        area.update(p[start : start + 7], t[start : start + 7])
    assert area.result() == pytest.approx(sk.roc_auc_score(t[:, 0], p[:, 0]), rel=1e-12)


def test_r2_far_from_0_and_of_constant_targets() -> None:
    t = 1e8 + RNG.normal(size=(50, 1))
    p, r2 = t + 0.1 * RNG.normal(size=(50, 1)), metrics.R2Score()
    for start in range(0, 50, 7):
        r2.update(p[start : start + 7], t[start : start + 7])
    assert r2.result() == pytest.approx(sk.r2_score(t, p), rel=1e-6)
    for outputs in ([[3.0], [3.0]], [[3.0], [4.0]]):
        r2.reset()
        r2.update(np.array(outputs), np.full((2, 1), 3.0))
        assert r2.result() == sk.r2_score([3.0, 3.0], outputs)


@pytest.mark.parametrize("name", metrics.METRICS)
def test_nothing_seen_is_0(name: str) -> None:
    metric = metrics.get(name)
    metric.reset()
    assert metric.result() == 0


def test_settings_are_saved(tmp_path: Path) -> None:
    model = nn.Sequential([nn.Dense(3, "softmax")], seed=0)
    model.compile(metrics=[metrics.Recall("micro"), metrics.TopKCategoricalAccuracy(2), "auc"])
    model.fit(X, CLASSES, verbose=0)
    model.save(tmp_path / "m.safetensors")
    recall, top_2, area = nn.load(tmp_path / "m.safetensors")._require_compiled().metrics
    assert recall.config() == {"average": "micro", "threshold": 0.5, "multi_label": False}
    assert (top_2.config(), type(area)) == ({"k": 2}, metrics.AUC)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("f1", r"no or several labels. To fix: F1Score\(multi_label=True\)"),
        ("top_k_categorical_accuracy", "no or several labels"),
        ("confusion_matrix", "no or several labels"),
    ],
)
def test_several_labels_are_told(metric: str, words: str, backend: Any) -> None:
    model = nn.Sequential([nn.Dense(3, "sigmoid")], seed=0)
    model.compile("binary_crossentropy", metrics=metric)
    with pytest.raises(ValueError, match=words):
        model.fit(X, LABELS, verbose=0)


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match=r"unknown average 'marco'.* Did you mean 'macro'"):
        metrics.Precision("marco")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="k=0 must be a whole number of at least 1"):
        metrics.TopKCategoricalAccuracy(0)
    with pytest.raises(ValueError, match="It is called 'f1' here"):
        metrics.get("f1_score")


def test_names_that_reports_could_not_tell_apart() -> None:
    def loss(outputs: Any, targets: Any) -> Any:
        return outputs[:, 0]

    with pytest.raises(ValueError, match="a metric is called 'loss', as the loss is"):
        metrics.get_all([loss])
    with pytest.raises(ValueError, match="two metrics are called 'accuracy'"):
        metrics.get_all(["accuracy", "accuracy"])
