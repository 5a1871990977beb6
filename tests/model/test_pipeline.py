"""A trained network, without its head, as a step of scikit-learn's pipelines."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from nnaccel import estimators
from nnaccel.data import digits
from nnaccel.layers import Conv2D, Dense, MaxPool2D
from nnaccel.model.sequential import Sequential


@pytest.fixture(scope="module")
def network() -> Sequential:
    """A small network that knows the digits below 5."""
    (x, y), _ = digits()
    layers = [Conv2D(8, 3, "relu"), MaxPool2D(2), Dense(32, "relu"), Dense(5, "softmax")]
    model = Sequential(layers, seed=0)
    model.compile(optimizer="adam")
    model.fit(x[y < 5], y[y < 5], epochs=10, verbose=0)
    return model


def test_features_help_with_digits_never_seen(network: Sequential) -> None:
    (x, y), (x_test, y_test) = digits()
    before = network.weights.copy()
    pipeline = make_pipeline(network[:-1], StandardScaler(), LogisticRegression(max_iter=1000))
    few, chosen = y_test >= 5, np.flatnonzero(y >= 5)[:200]
    assert pipeline.fit(x[chosen], y[chosen]).score(x_test[few], y_test[few]) > 0.85
    np.testing.assert_array_equal(network.weights, before)
    own = make_pipeline(network[:-1], estimators.LogisticRegression(penalty="l2"))
    pair = chosen[(y[chosen] == 5) | (y[chosen] == 9)]
    assert own.fit(x[pair], y[pair]).score(x[pair], y[pair]) > 0.95


def test_maps_become_a_table(network: Sequential) -> None:
    (x, y), _ = digits()
    maps = network[:2].predict(x[:4])
    assert maps.ndim == 4
    np.testing.assert_array_equal(network[:2].transform(x[:4]), maps.reshape(4, -1))
    np.testing.assert_array_equal(network[:2].fit_transform(x[:4], y[:4]), maps.reshape(4, -1))


def test_searches_share_the_network(network: Sequential) -> None:
    (x, y), _ = digits()
    pipeline = make_pipeline(network[:-1], LogisticRegression(max_iter=2000))
    assert clone(pipeline)[0] is pipeline[0]
    assert cross_val_score(pipeline, x[:300], y[:300], cv=3).mean() > 0.85
    search = GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1]}, cv=2)
    assert search.fit(x[:300], y[:300]).best_score_ > 0.85
    assert "sequential" in pipeline._repr_html_().lower()


def test_a_network_may_be_the_last_of_what_transforms(network: Sequential) -> None:
    (x, y), _ = digits()
    rows = x.reshape(len(x), -1)
    flat = Sequential([Dense(6, "relu")], seed=0)
    with pytest.raises(NotFittedError):
        check_is_fitted(flat)
    flat.build((64,))
    pipeline = make_pipeline(StandardScaler(), flat, StandardScaler(), LogisticRegression())
    pipeline.fit(rows[:100], y[:100])
    scaled = pipeline[0].transform(rows[:9])
    np.testing.assert_array_equal(pipeline[:2].transform(rows[:9]), flat.predict(scaled))
    maps = make_pipeline(network[:1], "passthrough")
    np.testing.assert_array_equal(
        maps.fit_transform(x[:9]), network[:1].predict(x[:9]).reshape(9, -1)
    )


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_of_a_slice_are_models_of_their_own(network: Sequential, copied: Any) -> None:
    (x, _), _ = digits()
    part = network[:-1]
    other = copied(part)
    np.testing.assert_array_equal(other.predict(x[:5]), part.predict(x[:5]))
    other.weights[...] = 0
    assert not other.predict(x[:5]).any()
    assert part.predict(x[:5]).any()
