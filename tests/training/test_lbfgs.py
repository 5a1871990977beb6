"""L-BFGS on all rows: the minimum, and the rest of a model as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier as Theirs

import nnaccel as nn
from nnaccel.backends import to_numpy
from nnaccel.estimators import MLPClassifier, MLPRegressor

from ..fake_cupy import backend  # noqa: F401

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


def network(*more: nn.Layer, **settings: Any) -> nn.Sequential:
    penalty = nn.L2(1e-3)
    body = [nn.Dense(6, "tanh", penalty=penalty), nn.Dense(2, "softmax", penalty=penalty)]
    layers = [*more, *body]
    model = nn.Sequential(layers, seed=0, **{"dtype": "float64", **settings})
    model.compile()
    model.build((4,))
    return model


def test_it_ends_at_a_minimum(backend: Any) -> None:  # noqa: F811
    model = network()
    found = model.fit_lbfgs(X, Y, tol=1e-4)
    assert found.converged
    assert found.losses == sorted(found.losses, reverse=True)
    assert found.evaluations >= len(found.losses)
    assert model.evaluate(X, Y, batch_size=60) == pytest.approx(found.losses[-1], rel=1e-9)
    assert abs(to_numpy(model.gradients)).max() < 1e-3
    assert not model._parameters.in_training


def test_frozen_layers_stay(backend: Any) -> None:  # noqa: F811
    model = network()
    model[0].trainable = False
    before = np.array(to_numpy(model[0].params["w"]))
    model.fit_lbfgs(X, Y, sample_weight=np.ones(60), max_iter=5)
    np.testing.assert_array_equal(to_numpy(model[0].params["w"]), before)


def test_images_of_bytes_are_scaled_as_in_fit() -> None:
    x = RNG.integers(0, 256, (30, 4, 4)).astype("uint8")
    model = nn.Sequential([nn.Flatten(), nn.Dense(3, "softmax")], seed=0)
    model.compile()
    losses = model.fit_lbfgs(x, np.arange(30) % 3).losses
    assert model.evaluate(x / 255, np.arange(30) % 3) == pytest.approx(losses[-1], rel=1e-5)


def test_it_ends_early_when_told() -> None:
    assert len(network().fit_lbfgs(X, Y, max_iter=3).losses) == 3
    assert not network().fit_lbfgs(X, Y, max_iter=3).converged


def test_refusals() -> None:
    for layer, words in (
        (nn.Dropout(0.5), "draws random numbers"),
        (nn.Dense(3, constraint="max_norm"), "has a constraint"),
    ):
        with pytest.raises(ValueError, match=words):
            network(layer).fit_lbfgs(X, Y)
    frozen = network()
    frozen.trainable = False
    with pytest.raises(ValueError, match="no layer with parameters is trainable"):
        frozen.fit_lbfgs(X, Y)
    with pytest.raises(ValueError, match="max_iter=0"):
        network().fit_lbfgs(X, Y, max_iter=0)
    with pytest.raises(TypeError, match="fit_lbfgs has no argument 'epochs'"):
        network().fit_lbfgs(X, Y, epochs=3)


def test_the_minimum_is_that_of_scikit_learn() -> None:
    """Without hidden layers there is one minimum."""
    settings = {"solver": "lbfgs", "hidden_layer_sizes": (), "alpha": 1.0, "tol": 1e-7}
    y = (X[:, 0] + X[:, 1] > 0.3).astype(int)
    ours = MLPClassifier(**settings, random_state=0).fit(X, y)
    theirs = Theirs(**settings, random_state=0).fit(X, y)
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], atol=1e-4)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-6)
    assert ours.n_iter_ == len(ours.loss_curve_)


def test_estimators_learn_by_it() -> None:
    made = MLPClassifier((8,), solver="lbfgs", max_iter=500, random_state=0).fit(X, Y)
    assert made.score(X, Y) > 0.95
    regressor = MLPRegressor((8,), activation="tanh", solver="lbfgs", max_iter=2000, tol=1e-3)
    product = X[:, 0] * X[:, 1]
    assert regressor.set_params(random_state=0).fit(X, product).score(X, product) > 0.9
    with pytest.raises(AttributeError, match="has no attribute 'partial_fit'"):
        made.partial_fit(X, Y)
