"""Loss scaling: steps whose gradients overflow are left out, and the factor follows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.backends import to_numpy
from nnaccel.optim import loss_scale
from nnaccel.optim.loss_scale import LossScale
from nnaccel.training.batch_loader import BatchLoader

X = np.random.default_rng(0).normal(size=(24, 5)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)


def network(dtype: str = "mixed_float16", **settings: Any) -> nn.Sequential:
    model = nn.Sequential([nn.Dense(4, "tanh"), nn.Dense(2, "softmax")], seed=0, dtype=dtype)
    model.compile(optimizer=nn.optim.Adam(0.01, **settings))
    return model


def test_the_factor_halves_on_overflow_and_doubles_in_time(
    backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss_scale, "_PATIENCE", 3)
    monkeypatch.setattr(loss_scale, "_LIMITS", (0.25, 2.0))
    scale = LossScale(backend, np.array([1.0, 0.0]))
    rates, batch = backend.asarray(np.full(20, 0.1)), backend.asarray(np.zeros(1, np.int64))
    factors = []
    for overflows in [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0]:
        gradients = np.array([4.0, np.inf if overflows else 2.0], np.float32)
        wanted, given = gradients.copy(), backend.asarray(gradients)
        before = float(to_numpy(scale.state)[0])
        scale.unscale(given)
        np.testing.assert_array_equal(to_numpy(given), wanted / before)
        scale.adjust(rates, batch)
        factors.append(float(to_numpy(scale.state)[0]))
        batch += 1
    assert factors == [1, 1, 2, 2, 2, 2, 1, 0.5, 0.25, 0.25, 0.25]
    left_out = np.isnan(to_numpy(rates))
    assert left_out.nonzero()[0].tolist() == [6, 7, 8, 9]


def test_a_step_that_overflows_changes_nothing_but_the_factor(half_backend: Any) -> None:
    model = network(global_clipnorm=1.0)
    model.fit(X, Y, batch_size=24, verbose=0)
    before, slots = model.get_weights(), to_numpy(model._slots)
    model._scale = np.array([2.0**24, 7.0])
    with pytest.warns(
        UserWarning, match=r"overflowed in every step of epoch 1, .* 4.1943e\+06"
    ) as told:
        model.fit(X, Y, batch_size=12, verbose=0)
    assert [warning.filename for warning in told] == [__file__]
    assert model.loss_scale == 2.0**22
    assert to_numpy(model.iterations)[0] == 1
    for now, was in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, was)
    np.testing.assert_array_equal(to_numpy(model._slots), slots)
    model.fit(X, Y, batch_size=1, epochs=1, verbose=0)  # it comes down, and training goes on
    assert 1 < to_numpy(model.iterations)[0] < 1 + len(X)
    assert not np.array_equal(model.get_weights()[0], before[0])


def test_epochs_of_one_step_may_try_a_factor_too_large(
    half_backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is halved again without a word: warnings are errors in tests."""
    monkeypatch.setattr(loss_scale, "_PATIENCE", 1)
    model = network()
    model.fit(X, Y, batch_size=24, epochs=30, verbose=0)
    assert 1 < to_numpy(model.iterations)[0] < 30


def test_a_first_step_that_overflows_is_told(half_backend: Any) -> None:
    model = nn.Sequential([nn.Dense(4), nn.Dense(1)], seed=0, dtype="mixed_float16")
    model.compile("mse")
    with pytest.warns(UserWarning, match="every step of epoch 1"):
        model.fit(X, 1e3 * X[:, :1], batch_size=24, verbose=0)


def test_small_gradients_do_not_vanish(half_backend: Any) -> None:
    """Weights so small that float16 has no number for what goes back through them."""
    gradients = []
    for dtype, factor in (("float32", 1.0), ("mixed_float16", 1.0), ("mixed_float16", 2.0**15)):
        model = network(dtype)
        model.build((5,))
        model.layers[1].params["w"][...] *= 2.0**-20
        with model.on_backend():
            plan = model._training_setup()
            if plan.loss_scale is not None:
                plan.loss_scale.state[...] = half_backend.asarray(np.array([factor, 0.0]))
            feed = BatchLoader(model, X, Y, 24)
            plan.find_gradients(*feed.batch(24))
        gradients.append(to_numpy(model.layers[0].grads["w"]).copy())
    wanted, unscaled, scaled = gradients
    assert np.linalg.norm(unscaled - wanted) > 0.1 * np.linalg.norm(wanted)
    assert np.linalg.norm(scaled - wanted) < 0.01 * np.linalg.norm(wanted)


def test_a_training_that_diverges_puts_the_factor_back(half_backend: Any) -> None:
    model = nn.Sequential([nn.Dense(4), nn.Dense(1)], seed=0, dtype="mixed_float16")
    model.compile("mse", nn.optim.SGD(1e-3))
    model.fit(X, X[:, :1], batch_size=8, verbose=0)
    before = to_numpy(model._scale).tolist()
    with pytest.raises(nn.DivergenceError, match="float16 ends at 65,504"):
        model.fit(X, X[:, :1] * 1e30, batch_size=8, verbose=0)
    assert to_numpy(model._scale).tolist() == before


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_others_are_not_scaled(half_backend: Any, dtype: str) -> None:
    model = network(dtype)
    model.fit(X, Y, verbose=0)
    assert model.loss_scale is None


def test_compiling_anew_forgets_the_factor(half_backend: Any) -> None:
    model = network()
    model.fit(X, Y, verbose=0)
    model.compile()
    assert model.loss_scale is None


@pytest.mark.filterwarnings("ignore:float16 gradients overflowed")
def test_gradients_that_no_factor_keeps_finite_are_an_error(half_backend: Any) -> None:
    """An activation beyond float16 whose tanh is 1: the loss is finite, no gradient ever is."""
    huge = nn.Dense(1, bias_initializer=nn.initializers.Constant(70_000.0))
    layers = [huge, nn.Dense(4, "tanh"), nn.Dense(2, "softmax")]
    model = nn.Sequential(layers, seed=0, dtype="mixed_float16")
    model.compile(optimizer="sgd")
    with pytest.raises(nn.DivergenceError, match=r"gradients stayed NaN .* in epoch \d"):
        model.fit(X, Y, batch_size=1, epochs=3, verbose=0)
