"""Networks of one's own as estimators: the builder's arguments are parameters like any other."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import nnaccel as nn
from nnaccel.data import digits
from nnaccel.estimators import NetworkClassifier, NetworkRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)


def build(units: int = 8, activation: str = "tanh", *, penalty: float = 0.0) -> list[nn.Layer]:
    return [nn.Dense(units, activation, penalty=nn.L2(penalty))]


def convolutions(filters: int = 4) -> list[nn.Layer]:
    return [nn.Residual([nn.Conv2D(filters, 3, "relu", padding="same")]), nn.Flatten()]


def batch_size(batch_size: int = 3) -> list[nn.Layer]:
    return [nn.Dense(batch_size)]


def made(**settings: Any) -> NetworkClassifier:
    return NetworkClassifier(build, max_iter=20, random_state=0, **settings)


def test_arguments_are_parameters() -> None:
    estimator = made(units=5)
    found = estimator.get_params()
    assert {k: found[k] for k in ("build", "units", "activation", "penalty", "max_iter")} == {
        "build": build,
        "units": 5,
        "activation": "tanh",
        "penalty": 0.0,
        "max_iter": 20,
    }
    assert clone(estimator).get_params() == found
    estimator.set_params(units=6, penalty=0.5).fit(X, Y)
    hidden = estimator.model_.layers[0]
    assert hidden.output_shape == (6,)
    assert hidden.penalty.l2 == 0.5
    assert "units=6" in repr(estimator)
    copied = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(copied.predict_proba(X), estimator.predict_proba(X))


def test_it_is_searched_over_the_arguments_of_its_builder() -> None:
    estimator = made(learning_rate_init=0.05, batch_size=20)
    pipeline = make_pipeline(StandardScaler(), estimator)
    names = {"networkclassifier__units": [1, 12], "networkclassifier__activation": ["relu"]}
    search = GridSearchCV(pipeline, names, cv=3).fit(X, np.array(["a", "b", "c"])[Y])
    assert search.best_params_["networkclassifier__units"] == 12
    assert search.best_score_ > 0.9
    assert search.predict(X[:1])[0] in "abc"


def test_images_reach_the_layers_as_images() -> None:
    (x, y), (x_test, y_test) = digits()
    x, x_test = x[:, None], x_test[:, None]
    estimator = NetworkClassifier(
        convolutions, filters=8, learning_rate_init=0.01, max_iter=8, random_state=0
    )
    assert estimator.fit(x, y).score(x_test, y_test) > 0.8
    assert estimator.model_.input_shape == (1, 8, 8)


def test_a_regressor_has_several_responses() -> None:
    x = np.linspace(-1, 1, 60)[:, None]
    y = np.hstack([np.sin(3 * x), x**2])
    estimator = NetworkRegressor(
        build, units=40, learning_rate_init=0.03, n_iter_no_change=20, random_state=0
    )
    assert estimator.fit(x, y).score(x, y) > 0.95
    assert estimator.predict(x).shape == (60, 2)


def test_a_warm_start_goes_on_unless_the_network_is_another() -> None:
    estimator = made(warm_start=True).fit(X, Y)
    first = estimator.model_
    assert estimator.fit(X, Y).model_ is first
    with pytest.warns(UserWarning, match="units changed since the network was built"):
        estimator.set_params(units=9).fit(X, Y)
    assert estimator.model_ is not first


def test_what_cannot_be_is_told_of() -> None:
    with pytest.raises(ValueError, match=r"unknown argument of build 'unit'.*units"):
        NetworkClassifier(build, unit=3).fit(X, Y)
    with pytest.raises(ValueError, match="an argument 'batch_size', which is a parameter of the"):
        NetworkClassifier(batch_size).fit(X, Y)
    with pytest.raises(ValueError, match="build returned a Dense; expected a list of layers"):
        NetworkClassifier(lambda: nn.Dense(3)).fit(X, Y)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"build=Sequential.* must be a function"):
        NetworkClassifier(nn.Sequential([nn.Dense(3)])).fit(X, Y)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="end with 'softmax': leave out the last layer"):
        NetworkClassifier(lambda: [nn.Dense(3, "softmax")]).fit(X, Y)
    with pytest.raises(ValueError, match="must be a function that returns layers"):
        NetworkClassifier(nn.Dense(3)).fit(X, Y)
    with pytest.raises(ValueError, match="build=3 must be a function that returns layers"):
        made().set_params(build=3).fit(X, Y)
    with pytest.raises(ValueError, match="Invalid parameter 'unit'"):
        made().set_params(unit=3)
