"""Losses by name and as objects: gradients, files, and what a loss of one's own may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnaccel import Dense, Sequential, load, losses
from nnaccel.backends import to_numpy

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5)).astype("float32")
Y = RNG.uniform(0.1, 0.9, size=(40, 3)).astype("float32")


def absolute_error(outputs: Any, targets: Any) -> Any:
    """Each row's own loss and gradient, in array code."""
    error = outputs - targets
    return abs(error).sum(axis=1), (error > 0) * 1.0 - (error < 0)


class AbsoluteError(losses.Loss):
    def __init__(self, scale: float) -> None:
        self.scale = scale

    def __call__(self, outputs: Any, targets: Any) -> Any:
        loss, gradient = absolute_error(outputs, targets)
        return self.scale * loss, self.scale * gradient


def trained(loss: Any, **settings: Any) -> tuple[Sequential, list[float]]:
    model = Sequential([Dense(6, "tanh"), Dense(3, "sigmoid")], seed=3)
    model.compile(loss, "adam")
    return model, model.fit(X, Y, verbose=0, **{"epochs": 4, "batch_size": 7, **settings}).history[
        "loss"
    ]


@pytest.mark.parametrize("name", sorted(losses.LOSSES))
def test_gradients_are_those_of_the_losses(name: str) -> None:
    loss = losses.get(name)
    outputs, targets = RNG.uniform(0.1, 0.9, size=(2, 6, 3)) * (1, 3)[loss.takes == "numbers"]
    _, gradients = loss(outputs, targets)
    for step in 1e-6 * np.eye(18).reshape(18, 6, 3):
        above, below = (loss(outputs + sign * step, targets)[0].sum() for sign in (1, -1))
        assert (above - below) / 2e-6 == pytest.approx((gradients * step).sum() * 1e6, abs=1e-6)


def test_the_mean_gradient_is_that_of_the_rows(backend: Any) -> None:
    for name in losses.LOSSES:
        loss, arrays = losses.get(name), [backend.asarray(a) for a in (Y, Y[::-1].copy())]
        found, gradients = loss(*arrays)
        means = loss.mean_gradient(backend, *arrays)
        np.testing.assert_allclose(to_numpy(means[0]), to_numpy(found), rtol=1e-6)
        np.testing.assert_allclose(to_numpy(means[1]) * 40, to_numpy(gradients), rtol=1e-5)


@pytest.mark.parametrize(
    "loss",
    [absolute_error, AbsoluteError(0.5), losses.Huber(0.3)],
    ids=["function", "class", "Huber"],
)
def test_a_loss_in_array_code_trains_alike_everywhere(backend: Any, loss: Any) -> None:
    _, history = trained(loss)
    assert history[-1] < 0.99 * history[0]
    from nnaccel import use_backend

    with use_backend("numpy"):
        np.testing.assert_allclose(history, trained(loss)[1], rtol=1e-4)


def test_a_call_of_ones_own_replaces_the_kernel(backend: Any) -> None:
    class Doubled(losses.MeanSquaredError):
        def __call__(self, outputs: Any, targets: Any) -> Any:
            loss, gradient = super().__call__(outputs, targets)
            return 2 * loss, 2 * gradient

    assert trained(Doubled(), epochs=1, batch_size=40)[1][0] == pytest.approx(
        2 * trained("mse", epochs=1, batch_size=40)[1][0], rel=1e-5
    )


def test_a_call_of_ones_own_takes_probabilities(backend: Any) -> None:
    """Its parent could be fused with the last softmax, and then took logits."""

    class Focused(losses.CategoricalCrossentropy):
        def __call__(self, outputs: Any, targets: Any) -> Any:
            sums = to_numpy(outputs.sum(axis=1))
            np.testing.assert_allclose(sums, 1, rtol=1e-5)
            return super().__call__(outputs, targets)

    def history(loss: Any) -> list[float]:
        model = Sequential([Dense(6, "tanh"), Dense(3, "softmax")], seed=3)
        model.compile(loss, "adam")
        labels = X.argmax(axis=1) % 3
        return model.fit(X, labels, verbose=0, epochs=2, batch_size=7).history["loss"]

    assert history(Focused()) == pytest.approx(history(losses.CategoricalCrossentropy()), rel=1e-5)


def test_a_kernel_loss_in_array_code(backend: Any) -> None:
    class Squares(losses.KernelLoss):
        def fill(
            self, kernels: Any, outputs: Any, targets: Any, fused: Any, losses: Any, gradient: Any
        ) -> None:
            losses[...] = ((outputs - targets) ** 2).sum(axis=1) / outputs.shape[1]
            gradient[...] = 2 * (outputs - targets) / outputs.size

    assert trained(Squares())[1] == pytest.approx(trained("mse")[1], rel=1e-4)


def test_wrong_shapes_are_told_and_the_model_stays_usable(backend: Any) -> None:
    def one_number(outputs: Any, targets: Any) -> Any:
        return ((outputs - targets) ** 2).mean(), outputs - targets

    model = Sequential([Dense(3)], seed=0)
    for loss, words in ((one_number, "expected losses of shape"), (lambda o, t: o, "got|returned")):
        model.compile(loss)
        with pytest.raises(ValueError, match=words):
            model.fit(X, Y, verbose=0)
    model.compile("mse")
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"]).all()


def test_errors_in_a_loss_come_with_their_own_traceback(backend: Any) -> None:
    calls = []

    def failing(outputs: Any, targets: Any) -> Any:
        calls.append(1)
        if len(calls) > 3:
            raise KeyError("mine")
        return absolute_error(outputs, targets)

    model, before = Sequential([Dense(3)], seed=0), []
    model.compile(failing, "sgd")
    with pytest.raises(KeyError, match="mine") as caught:
        model.fit(X, Y, batch_size=4, verbose=0)
    assert caught.traceback[-1].name == "failing"
    before = model.get_weights()
    assert all(np.isfinite(w).all() for w in before)
    assert int(to_numpy(model.iterations)[0]) == 3
    model.compile("mse")
    model.fit(X, Y, verbose=0)


def test_losses_with_settings_are_saved(tmp_path: Path) -> None:
    model, _ = trained(losses.Huber(0.3))
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert again.loss == losses.Huber(0.3)
    assert again.loss != losses.Huber(0.4)


def test_losses_of_ones_own_are_given_when_loading(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    for loss, custom in (
        (absolute_error, {"absolute_error": absolute_error}),
        (AbsoluteError(0.5), {"AbsoluteError": AbsoluteError}),
    ):
        model, _ = trained(loss)
        model.save(path)
        with pytest.raises(ValueError, match="custom_objects"):
            load(path)
        assert load(path, compile=False).loss is None
        again = load(path, custom_objects=custom)
        for m in (model, again):
            m.fit(X, Y, verbose=0)
        np.testing.assert_array_equal(again.weights, model.weights)


def test_names_and_classes_are_told_apart() -> None:
    with pytest.raises(ValueError, match="Did you mean 'huber'"):
        losses.get("hubert")
    with pytest.raises(ValueError, match=r"write Huber\(\) with brackets"):
        losses.get(losses.Huber)
