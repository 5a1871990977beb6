"""Copies and pickles of models: whole, independent, and going on where the original does."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import joblib
import numpy as np
import pytest

from nnaccel import optim, to_numpy, use_backend
from nnaccel.layers import BatchNorm, Conv2D, Dense, Dropout, Layer
from nnaccel.model.sequential import Sequential
from nnaccel.optim import schedules
from nnaccel.training.callbacks import LambdaCallback

from ..fake_cupy import installed


def through_joblib(model: Sequential) -> Any:
    file = io.BytesIO()
    joblib.dump(model, file)
    return joblib.load(io.BytesIO(file.getvalue()))


def through_pickle(model: Any) -> Any:
    return pickle.loads(pickle.dumps(model))


copies = pytest.mark.parametrize("copied", [copy.deepcopy, through_pickle, through_joblib])


class Scaled(Layer):
    """Multiplies by a number of its own and one that is learnt."""

    def __init__(self, factor: float, name: str | None = None) -> None:
        super().__init__(name)
        self.factor = factor

    def config(self) -> dict[str, Any]:
        return {"factor": self.factor, "name": self.name}

    def parameter_specs(self, input_shape: Any) -> Any:
        return {"w": ((1,), lambda shape, rng: np.ones(shape))}

    def infer_shape(self, input_shape: Any) -> Any:
        return input_shape

    def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
        def backward(dy: Any, wanted: bool) -> Any:
            self.grads["w"][...] = self.factor * (dy * x).sum()
            return self.factor * self.params["w"] * dy

        return self.factor * self.params["w"] * x, backward


class Named(Sequential):
    """A model with something of its own."""

    def __init__(self, label: str) -> None:
        super().__init__([Dense(3, "softmax")], seed=1)
        self.label = label


def problem() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=30)
    return (rng.normal(size=(30, 4, 4)) + y[:, None, None]).astype("float32"), y


def network(optimizer: Any = "adam") -> Sequential:
    layers = [
        Conv2D(3, 3, "relu", penalty="l2"),
        BatchNorm(),
        Dense(9, "leaky_relu"),
        Dropout(0.3),
        Dense(3, "softmax"),
    ]
    model = Sequential(layers, seed=7)
    model.compile(optimizer=optimizer, metrics=["accuracy"])
    return model


def assert_same(ours: Sequential, theirs: Sequential) -> None:
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@copies
@pytest.mark.parametrize(
    "optimizer",
    [optim.Adam(schedules.CosineDecay(0.01, 50)), optim.SGD(0.1, momentum=0.9, clipvalue=0.5)],
)
def test_training_goes_on_bit_for_bit(backend: Any, copied: Any, optimizer: Any) -> None:
    model, (x, y) = network(copy.deepcopy(optimizer)), problem()
    model.fit(x, y, epochs=2, batch_size=8, verbose=0)
    twin = copied(model)
    assert repr(twin) == repr(model)
    assert repr(twin.optimizer) == repr(model.optimizer)
    assert twin.optimizer is not model.optimizer
    assert (twin.loss, twin.metrics, twin.epochs) == (model.loss, model.metrics, 2)
    before, logs = [w.copy() for w in twin.get_weights()], twin.evaluate(x, y)
    assert logs == model.evaluate(x, y)
    ours = model.fit(x, y, epochs=2, batch_size=8, verbose=0).history
    for a, b in zip(twin.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert twin.fit(x, y, epochs=2, batch_size=8, verbose=0).history == ours
    assert_same(twin, model)
    assert twin.iterations[0] == model.iterations[0] == 16


@copies
def test_arrays_are_views_of_the_copys_own_buffers(backend: Any, copied: Any) -> None:
    model, (x, y) = network(), problem()
    model.fit(x, y, verbose=0)
    twin = copied(model)
    kept = to_numpy(model.weights).copy()
    twin.weights[...] = 2
    twin.states[...] = 3
    for layer in twin.layers:
        assert all((p == 2).all() for p in layer.params.values())
        assert all((s == 3).all() for s in layer.state.values())
    np.testing.assert_array_equal(to_numpy(model.weights), kept)


def test_a_pickle_holds_every_number_once() -> None:
    model = Sequential([Dense(300, "relu"), Dense(200, "softmax")], seed=0)
    model.compile(optimizer="adam")
    x = np.ones((2, 100), "float32")
    model.fit(x, [0, 1], verbose=0)
    numbers = 4 * model.count_params
    assert len(pickle.dumps(model)) < 3 * numbers + 5000  # weights and Adam's two moments
    assert len(pickle.dumps(model[1:])) < 4 * model[1:].count_params + 5000


@copies
def test_a_slice_becomes_a_model_of_its_own(backend: Any, copied: Any) -> None:
    model, (x, y) = network(), problem()
    model.fit(x, y, verbose=0)
    for part in (model[:-1], model[1:4]):
        inputs = x if part.layers[0] is model.layers[0] else model[:1].predict(x)
        twin = copied(part)
        np.testing.assert_array_equal(twin.predict(inputs), part.predict(inputs))
        assert [layer.name for layer in twin.layers] == [layer.name for layer in part.layers]
        assert twin.weights.size == part.weights.size
        assert twin.states.size == sum(16 * len(layer.state) for layer in part.layers)
    head, maps = model[2:], model[:2].predict(x)
    head.compile(optimizer="adam", metrics=["accuracy"])
    head.fit(maps, y, verbose=0)
    twin, before = copied(head), to_numpy(model.weights).copy()
    twin.fit(maps, y, verbose=0)
    np.testing.assert_array_equal(to_numpy(model.weights), before)
    head.fit(maps, y, verbose=0)
    assert_same(twin, head)


@copies
def test_what_is_not_built_or_not_compiled(copied: Any) -> None:
    (x, y), plain = problem(), Sequential([Dense(3, "softmax")], seed=3)
    twin = copied(plain)
    assert not twin.built
    assert twin.loss is None
    fresh = copied(network())
    assert not fresh.built
    expected = network()
    for model in (fresh, expected):
        model.fit(x, y, verbose=0)
    assert_same(fresh, expected)
    part = copied(network()[:2])  # no longer waits for a model that it is part of
    part.build((4, 4))
    assert part.built
    plain.build((4, 4))
    np.testing.assert_array_equal(copied(plain).predict(x), plain.predict(x))


@copies
def test_layers_and_models_of_ones_own(backend: Any, copied: Any) -> None:
    x, y = problem()
    model = Sequential([Scaled(0.5), Dense(3, "softmax")], seed=0)
    model.compile()
    model.fit(x, y, verbose=0)
    twin = copied(model)
    assert type(twin.layers[0]) is Scaled
    for one in (model, twin):
        one.fit(x, y, verbose=0)
    assert_same(twin, model)
    named = copied(Named("mine"))
    assert (type(named), named.label) == (Named, "mine")


@copies
def test_a_layer_that_does_not_tell_its_arguments(copied: Any) -> None:
    class Silent(Scaled):
        def config(self) -> dict[str, Any]:
            return {"name": self.name}

    model = Sequential([Silent(2.0), Dense(3)])
    with pytest.raises(TypeError, match=r"layer 'silent' cannot be copied: .*'factor'.*config\(\)"):
        copied(model)


@copies
def test_the_history_comes_along(copied: Any) -> None:
    model, (x, y) = network(), problem()
    history = model.fit(x, y, epochs=3, verbose=0)
    twin = copied(model)
    assert twin.history.history == history.history
    assert twin.history is not history
    assert copied(history).history == history.history


@copies
def test_a_copy_taken_in_the_middle_of_a_training(backend: Any, copied: Any) -> None:
    model, (x, y) = network(), problem()
    taken: list[Sequential] = []

    def take(epoch: int, logs: Any) -> None:
        if epoch == 1:
            taken.append(copied(model))

    model.fit(x, y, epochs=4, verbose=0, callbacks=[LambdaCallback(on_epoch_end=take)])
    taken[0].fit(x, y, initial_epoch=2, epochs=4, verbose=0)
    assert_same(taken[0], model)


@copies
def test_a_copy_lives_where_its_model_does(copied: Any) -> None:
    x, _ = problem()
    for build in (True, False):
        model = network().to("numpy")
        if build:
            model.build((4, 4))
        with use_backend("numba"):
            assert copied(model).backend.name == "numpy"
    free = network()
    free.build((4, 4))
    for name in ("numpy", "numba"):
        with use_backend(name):
            twin = copied(free)
            assert twin.backend.name == name
            np.testing.assert_allclose(twin.predict(x), free.predict(x), rtol=1e-5)


@pytest.mark.parametrize("moved", [True, False])
def test_a_model_of_a_gpu_comes_back_where_there_is_none(moved: bool) -> None:
    x, y = problem()
    with installed():
        with use_backend("numpy" if moved else "cupy"):
            model = network()
            if moved:
                model.to("cupy")
            model.fit(x, y, verbose=0)
        kept, expected = pickle.dumps(model), model.get_weights()
        with use_backend("numpy"):
            assert pickle.loads(kept).backend.name == "cupy"
            assert copy.deepcopy(model).backend.name == "cupy"
    for name in ("numpy", "numba"):
        with use_backend(name):
            twin = pickle.loads(kept)
            assert twin.backend.name == name
            for a, b in zip(twin.get_weights(), expected, strict=True):
                np.testing.assert_array_equal(a, b)
            twin.fit(x, y, verbose=0)


def test_a_new_head_on_a_trained_body(backend: Any) -> None:
    x, y = np.random.default_rng(0).normal(size=(20, 3)).astype("float32"), np.arange(20) % 2
    model = Sequential([Dense(6, "tanh"), BatchNorm(), Dense(2, "softmax")], seed=0)
    model.compile()
    model.fit(x, y, verbose=0)
    features, before = model[:-1].predict(x), model.get_weights()
    model.layers[0].trainable = False
    longer = model[:-1].extended([Dense(4, "relu"), Dense(5, "softmax")])
    np.testing.assert_array_equal(longer[:2].predict(x), features)
    assert [layer.name for layer in longer.layers] == ["dense", "batchnorm", "dense_1", "dense_2"]
    longer.compile()
    longer.fit(x, np.arange(20) % 5, verbose=0)
    np.testing.assert_array_equal(longer.get_weights()[0], before[0])  # frozen as the original
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)  # independent of it


def test_only_a_built_model_is_extended() -> None:
    with pytest.raises(RuntimeError, match="not built"):
        Sequential([Dense(3)]).extended([Dense(2)])
