"""Weights of classes: scikit-learn's, and weights of their rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import linear_model
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.utils.class_weight import compute_sample_weight

from nnaccel.estimators import (
    ConvNetClassifier,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    SoftmaxRegression,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NETWORKS = [
    MLPClassifier(4, max_iter=3, random_state=0),
    MLPClassifier(4, max_iter=3, early_stopping=True, random_state=0),
    ConvNetClassifier((2,), hidden_layer_sizes=4, max_iter=3, random_state=0),
]


def uneven(classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows whose classes overlap and have unlike sizes, their labels, and weights."""
    x, y = load_iris(return_X_y=True)
    chosen = np.r_[0:50, 50:70, 100:110] if classes == 3 else np.r_[50:100, 100:115]
    rng = np.random.default_rng(0)
    noisy = x[chosen] + rng.normal(size=(len(chosen), 4))
    return noisy, np.array(["b", "a", "c"])[y[chosen]], rng.uniform(0.5, 2, len(chosen))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True], ids=["rows alike", "rows weighted"])
@pytest.mark.parametrize("class_weight", ["balanced", {"a": 3.0}, {"a": 0.5, "c": 2.0}], ids=str)
def test_regressions_weigh_classes_as_scikit_learn(
    class_weight: Any, weighted: bool, classes: int
) -> None:
    x, y, weights = uneven(classes)
    sample_weight = weights if weighted else None
    kind = LogisticRegression if classes == 2 else SoftmaxRegression
    settings = {"C": 10.0, "class_weight": class_weight}
    ours = kind(penalty="l2", **settings).fit(x, y, sample_weight)
    theirs = linear_model.LogisticRegression(tol=1e-10, max_iter=5000, **settings)
    theirs.fit(x, y, sample_weight)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-5)


@pytest.mark.parametrize("estimator", NETWORKS, ids=repr)
@pytest.mark.parametrize("class_weight", ["balanced", {"a": 3.0}], ids=str)
def test_networks_weigh_the_rows_of_a_class(estimator: Any, class_weight: Any) -> None:
    x, y, _ = uneven(3)
    by_class = clone(estimator).set_params(class_weight=class_weight).fit(x, y)
    by_row = clone(estimator).fit(x, y, compute_sample_weight(class_weight, y))
    np.testing.assert_allclose(by_class.loss_curve_, by_row.loss_curve_, rtol=1e-6)
    np.testing.assert_allclose(by_class.predict_proba(x), by_row.predict_proba(x), rtol=1e-5)
    plain = clone(estimator).fit(x, y)
    assert not np.allclose(by_class.predict_proba(x), plain.predict_proba(x), atol=1e-4)


@pytest.mark.parametrize("estimator", [SoftmaxRegression(penalty="l2"), *NETWORKS], ids=repr)
@pytest.mark.parametrize(
    ("class_weight", "words"),
    [
        ("balance", "class_weight='balance' must be None, 'balanced', or a dict"),
        ({"d": 1.0}, r"class_weight names 'd', but the classes are \['a', 'b', 'c'\]"),
        ({"a": -1.0}, "must hold finite weights of at least 0"),
        ({"a": "much"}, "must hold finite weights of at least 0"),
    ],
)
def test_what_is_no_class_weight_is_refused(estimator: Any, class_weight: Any, words: str) -> None:
    x, y, _ = uneven(3)
    with pytest.raises(ValueError, match=words):
        clone(estimator).set_params(class_weight=class_weight).fit(x, y)


def test_where_classes_cannot_be_weighed() -> None:
    x, y, _ = uneven(3)
    with pytest.raises(ValueError, match="'balanced' needs all rows at once"):
        MLPClassifier(class_weight="balanced").partial_fit(x, y, classes=["a", "b", "c"])
    with pytest.raises(ValueError, match="class_weight is for one label a row"):
        MLPClassifier(class_weight="balanced").fit(x, np.eye(80, 2, dtype=int))
    with pytest.raises(ValueError, match="class_weight is for classes"):
        MLPRegressor(class_weight="balanced").fit(x, x[:, 0])


@pytest.mark.parametrize("kind", [LogisticRegression, SoftmaxRegression])
def test_a_strength_is_that_of_scikit_learns_default(kind: Any) -> None:
    x, y, _ = uneven(2)
    with pytest.warns(UserWarning, match="same as scikit-learn's default, give penalty='l2'"):
        kind(C=10).fit(x, y)
    ours = kind(penalty="l2", C=10).fit(x, y)
    theirs = linear_model.LogisticRegression(C=10, tol=1e-10, max_iter=5000).fit(x, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)
