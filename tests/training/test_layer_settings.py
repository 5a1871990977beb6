"""Settings of layers and optimisers that updates follow: factors, decay, constraints, averages."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel._validate import argument_names
from nnaccel.backends import to_numpy

from ..fake_cupy import backend  # noqa: F401
from ..registered import OPTIMIZERS
from .own_pieces import ByAdam, Momentum, Scaled

RNG = np.random.default_rng(1)
Y = RNG.integers(3, size=36)
X = RNG.normal(size=(36, 2, 6, 6)).astype("float32")
DECAYING = [
    name for name, kind in nn.optim.OPTIMIZERS.items() if "weight_decay" in argument_names(kind)
]
every_optimizer = pytest.mark.parametrize(
    "make", [*OPTIMIZERS.values(), Momentum], ids=[*OPTIMIZERS, "own"]
)


def network(optimizer: Any = "adam", constraint: Any = None, **settings: Any) -> nn.Sequential:
    layers = [
        nn.Residual([nn.Conv2D(3, 3, "relu", padding=1, constraint=constraint), nn.BatchNorm()]),
        nn.PReLU(),
        nn.Flatten(),
        nn.Dense(5, "tanh", constraint=constraint, bias_initializer="ones"),
        Scaled(),
        nn.Dense(3, "softmax"),
    ]
    model = nn.Sequential(layers, seed=2, **settings)
    model.compile(optimizer=optimizer)
    model.build((2, 6, 6))
    return model


def trained(model: nn.Sequential, **settings: Any) -> np.ndarray:
    model.fit(X, Y, **{"epochs": 2, "batch_size": 12, "verbose": 0, **settings})
    return np.array(to_numpy(model.weights))


# Learning rates and weight decay


@every_optimizer
def test_a_factor_is_that_of_the_learning_rate(backend: Any, make: Callable[[], Any]) -> None:  # noqa: F811
    by_factor, by_rate = make(), make()
    rates = by_rate.rates
    by_rate.rates = lambda first, count: 0.5 * rates(first, count)
    model = network(by_factor)
    model.learning_rate_factor = 0.5
    np.testing.assert_array_equal(trained(model), trained(network(by_rate)))


def test_layers_may_have_factors_of_their_own(backend: Any) -> None:  # noqa: F811
    model, usual = network(nn.optim.SGD(0.1)), network(nn.optim.SGD(0.1))
    start = {name: to_numpy(a).copy() for name, a in model.arrays.items()}
    model[:3].learning_rate_factor = 0.25
    model[3].learning_rate_factor = 0
    for one in (model, usual):
        trained(one, epochs=1, batch_size=36)
    for name, now in model.arrays.items():
        moved, wanted = to_numpy(now) - start[name], to_numpy(usual.arrays[name]) - start[name]
        factor = 0.25 if name.startswith(("residual", "prelu")) and "running" not in name else 1
        factor = 0 if name.startswith("dense.") else factor
        np.testing.assert_allclose(moved, factor * wanted, rtol=1e-3, atol=1e-6, err_msg=name)
    assert len(model.segments()) == 3
    assert len(usual.segments()) == 1


def test_an_update_in_array_code_may_call_that_of_its_base_class(backend: Any) -> None:  # noqa: F811
    weights = []
    for optimizer in (ByAdam(0.01), nn.optim.Adam(0.01)):
        model = network(optimizer)
        model[0].trainable = False
        model[3].learning_rate_factor = 0.5
        weights.append(trained(model, epochs=1))
    np.testing.assert_array_equal(*weights)


@pytest.mark.parametrize("name", DECAYING)
def test_biases_and_normalisation_do_not_decay(backend: Any, name: str) -> None:  # noqa: F811
    """After one update from the same gradients all that differs is what decay takes."""
    with_decay, without = (nn.optim.get(name, weight_decay=d, learning_rate=0.01) for d in (0.5, 0))
    model, plain = network(with_decay), network(without)
    model[-1].weight_decay = False
    for one in (model, plain):
        trained(one, epochs=1, batch_size=36)
    for path, now in model.arrays.items():
        decays = path in ("residual/conv2d.w", "residual/projection.w", "dense.w")
        same = np.array_equal(to_numpy(now), to_numpy(plain.arrays[path]))
        assert same != decays, path


def test_a_change_during_a_fit_takes_effect_at_once(backend: Any) -> None:  # noqa: F811
    def stop(epoch: int, logs: Any) -> None:
        kept.append(np.array(to_numpy(model[3].params["w"])))
        model[3].learning_rate_factor = 0.0

    model, kept = network(), []
    trained(model, epochs=3, callbacks=[nn.LambdaCallback(on_epoch_end=stop)])
    np.testing.assert_array_equal(kept[0], kept[1])
    assert model.train_on_batch(X, Y) > 0
    np.testing.assert_array_equal(kept[0], to_numpy(model[3].params["w"]))
    model[3].learning_rate_factor = 1
    model.train_on_batch(X, Y)
    assert not np.array_equal(kept[0], to_numpy(model[3].params["w"]))


def test_they_are_saved_copied_and_shown(tmp_path: Path) -> None:
    model = network("adamw", constraint=nn.MaxNorm(np.float32(0.5)))
    model[0].learning_rate_factor = 0.1
    model[-1].weight_decay = False
    model.save(tmp_path / "m.safetensors")
    loaded = nn.load(tmp_path / "m.safetensors", custom_objects={"Scaled": Scaled})
    for again in (loaded, copy.deepcopy(model)):
        assert again.segments(True) == model.segments(True)
        assert [layer.constraint for layer in again.leaves] == [
            layer.constraint for layer in model.leaves
        ]
        np.testing.assert_array_equal(trained(again), trained(copy.deepcopy(model)))
    lines: list[str] = []
    model.summary(lines.append)
    assert "57, learning rate × 0.1, norm ≤ 0.5" in lines[0]
    assert "18, no weight decay" in lines[0]
    assert model[0].learning_rate_factor == 0.1
    told = "of parameters, learning rate × 0.1 and 1, weight decay of 3 of them, 2 constrained"
    assert nn.explain(model)[-1].why.endswith(told)
    with pytest.raises(
        ValueError, match=r"learning_rate_factor differs among the layers inside: 0.1, 1"
    ):
        _ = model.learning_rate_factor


@pytest.mark.parametrize(
    ("set_it", "error", "message"),
    [
        (lambda layer: setattr(layer, "learning_rate_factor", -1), ValueError, "at least 0"),
        (lambda layer: setattr(layer, "learning_rate_factr", 1), AttributeError, "did you mean"),
        (lambda layer: setattr(layer, "weight_decay", 0.1), TypeError, "AdamW"),
        (lambda _: nn.Dense(3, constraint="max-norm"), ValueError, "Did you mean 'max_norm'"),
        (lambda _: nn.Dense(3, constraint="non_neg"), ValueError, "Did you mean 'non_negative'"),
        (lambda _: nn.Dense(3, constraint=2.0), TypeError, "must be a Constraint"),
        (lambda _: nn.MaxNorm(0), ValueError, "max_norm=0 must be above 0"),
        (lambda _: nn.MaxNorm("2"), ValueError, "max_norm='2' must be above 0"),
        (lambda layer: setattr(layer, "constraint", "max"), ValueError, "Did you mean 'max_norm'"),
        (lambda layer: setattr(layer, "penalty", 0.1), TypeError, "must be a Penalty"),
        (lambda _: nn.Dense(3, weight_decay=False), TypeError, "layer.weight_decay = False"),
        (lambda _: nn.Dense(3, learning_rate_factor=0.1), TypeError, "set it afterwards"),
        (lambda _: nn.Dense(3, trainable=False), TypeError, "set it afterwards"),
        (lambda _: nn.optim.Adam(ema_momentum=1), ValueError, "ema_momentum=1"),
        (lambda _: nn.optim.Adam(use_ema=1), ValueError, "use_ema=1 must be True or False"),
        (lambda _: nn.optim.Adam(gradient_accumulation_steps=1), ValueError, "at least 2"),
        (lambda _: network().assign_average_weights(), ValueError, "use_ema=True"),
    ],
)
def test_refusals(set_it: Callable[[Any], Any], error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        set_it(nn.Dense(3))


# Constraints


def test_they_may_be_set_by_name() -> None:
    layer = nn.Dense(3)
    layer.constraint, layer.penalty = "max_norm", "l2"
    assert (layer.constraint, layer.penalty) == (nn.MaxNorm(), nn.L2())


CONSTRAINED: dict[str, tuple[Callable[..., nn.Layer], tuple[int, ...], tuple[int, ...]]] = {
    "Dense": (lambda c: nn.Dense(7, constraint=c), (50,), (0,)),
    "Conv1D": (lambda c: nn.Conv1D(4, 3, constraint=c), (2, 9), (1, 2, 3)),
    "Conv2D": (lambda c: nn.Conv2D(4, 3, groups=2, constraint=c), (4, 7, 7), (1, 2, 3)),
    "DepthwiseConv2D": (lambda c: nn.DepthwiseConv2D(3, constraint=c), (4, 7, 7), (1, 2, 3)),
    "Conv2DTranspose": (lambda c: nn.Conv2DTranspose(4, 3, constraint=c), (3, 5, 5), (0, 2, 3)),
}


@pytest.mark.parametrize("name", CONSTRAINED)
def test_constraints_hold_after_every_update(backend: Any, name: str) -> None:  # noqa: F811
    make, shape, axes = CONSTRAINED[name]
    kept = {}
    for constraint in (None, nn.Constraint(max_norm=0.3, non_negative=True)):
        layers = [make(constraint), nn.Flatten(), nn.Dense(1)]
        model = nn.Sequential(layers, seed=0)
        model.compile("mse", nn.optim.SGD(0.01))
        x = np.random.default_rng(0).normal(size=(4, *shape)).astype("float32")
        model.fit(x, x.reshape(4, -1)[:, 0], batch_size=4, verbose=0)
        kept[constraint] = to_numpy(model[0].params["w"])
    free, held = kept.values()
    positive = np.maximum(free, 0)
    norms = np.sqrt((positive**2).sum(axis=axes, keepdims=True))
    wanted = positive * np.minimum(1, 0.3 / np.maximum(norms, 1e-9))
    np.testing.assert_allclose(held, wanted, rtol=1e-5, atol=1e-7)
    assert (norms > 0.3).any()


def test_a_filter_of_a_transposed_convolution_sees_its_group() -> None:
    layer = nn.Conv2DTranspose(4, 3, groups=2)
    layer.build((6, 5, 5))
    layer.params["w"][:3, 1] = 1.0  # of the second filter of the first group
    with nn.use_backend("numpy") as plain:
        plain.kernels.constrain(layer.unit_weights(), 1e-3, False)
    assert np.sqrt((layer.params["w"][:3, 1] ** 2).sum()) == pytest.approx(1e-3, rel=1e-5)


# Averages of weights


@every_optimizer
def test_fit_ends_with_the_averages_of_the_weights(backend: Any, make: Callable[[], Any]) -> None:  # noqa: F811
    optimizer, watched = make(), make()
    optimizer.use_ema, optimizer.ema_momentum = True, 0.8
    model, plain = network(optimizer), network(watched)
    average = np.array(to_numpy(plain.weights), np.float64)

    def add(batch: int, logs: Any) -> None:
        average[...] += 0.2 * (to_numpy(plain.weights) - average)

    trained(plain, callbacks=[nn.LambdaCallback(on_train_batch_end=add)])
    np.testing.assert_allclose(trained(model), average, rtol=1e-4, atol=1e-6)


def test_early_stopping_restores_the_averages_of_the_best_epoch(backend: Any) -> None:  # noqa: F811
    def make() -> nn.Sequential:
        return network(nn.optim.SGD(0.5, use_ema=True, ema_momentum=0.5))

    stopping = nn.EarlyStopping("loss", mode="max", patience=9)  # the first epoch is the best
    stopped, once = make(), make()
    trained(stopped, epochs=4, callbacks=[stopping])
    assert stopping.best_epoch is not None
    trained(once, epochs=stopping.best_epoch + 1)
    np.testing.assert_array_equal(to_numpy(stopped.weights), to_numpy(once.weights))
    for ours, theirs in zip(stopped.get_weights(), once.get_weights(), strict=True):
        np.testing.assert_array_equal(to_numpy(ours), to_numpy(theirs))


def test_averages_in_a_loop_of_ones_own(backend: Any) -> None:  # noqa: F811
    model = network(nn.optim.SGD(0.1, use_ema=True, ema_momentum=0.5))
    start = np.array(to_numpy(model.weights))
    model.train_on_batch(X, Y)
    after = np.array(to_numpy(model.weights))
    model.assign_average_weights()
    np.testing.assert_allclose(to_numpy(model.weights), (start + after) / 2, rtol=1e-6)


def test_averages_begin_anew_from_weights_that_are_set(backend: Any) -> None:  # noqa: F811
    model = network(nn.optim.SGD(0.1, use_ema=True, ema_momentum=0.9))
    weights = [np.array(to_numpy(w)) for w in model.get_weights()]
    model.train_on_batch(X, Y)
    model.set_weights(weights)
    model.assign_average_weights()
    for now, then in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(to_numpy(now), then)


# Gradients accumulated over batches


@every_optimizer
def test_accumulated_batches_are_one(backend: Any, make: Callable[[], Any]) -> None:  # noqa: F811
    """Without batch normalisation, whose statistics are those of the small batches."""
    weights = []
    for batch_size, steps in ((12, None), (4, 3)):
        optimizer = make()
        optimizer.gradient_accumulation_steps = steps
        model = nn.Sequential(
            [nn.Dense(5, "tanh"), Scaled(), nn.Dense(3, "softmax")], seed=0, dtype="float64"
        )
        model.compile(optimizer=optimizer)
        weights.append(trained(model, batch_size=batch_size, shuffle=False))
    np.testing.assert_allclose(*weights, rtol=1e-9, atol=1e-12)
    assert int(to_numpy(model.iterations)[0]) == 18


def test_accumulation_in_a_loop_of_ones_own(backend: Any) -> None:  # noqa: F811
    model = network(nn.optim.SGD(0.1, gradient_accumulation_steps=2))
    before = np.array(to_numpy(model.weights))
    model.train_on_batch(X[:18], Y[:18])
    np.testing.assert_array_equal(to_numpy(model.weights), before)
    first = np.array(to_numpy(model.gradients))
    _, backward = model.forward(model.backend.asarray(X[18:]), training=True)
    backward(model.backend.asarray(np.ones((18, 3), "float32")))
    second = np.array(to_numpy(model.gradients))
    model.step()
    wanted = before - 0.05 * (first + second)
    np.testing.assert_allclose(to_numpy(model.weights), wanted, rtol=1e-5, atol=1e-6)


def test_all_of_it_resumes_bit_for_bit(backend: Any, tmp_path: Path) -> None:  # noqa: F811
    """Five batches an epoch, of which two make an update, so that one is left over."""

    def make() -> nn.Sequential:
        optimizer = nn.optim.AdamW(0.01, use_ema=True, gradient_accumulation_steps=2)
        model = network(optimizer, constraint="max_norm")
        model[0].learning_rate_factor = 0.3
        return model

    whole, part = make(), make()
    wanted = trained(whole, epochs=5, batch_size=8)
    place = {"checkpoint": tmp_path / "run.safetensors", "resume": True, "batch_size": 8}
    trained(part, epochs=3, **place)
    np.testing.assert_array_equal(trained(make(), epochs=5, **place), wanted)
