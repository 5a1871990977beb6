"""Layers that are not trainable: no gradient, no update, no decay, nothing below the lowest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.backends import kernels_only, to_numpy

from ..fake_cupy import backend  # noqa: F401
from .own_pieces import Momentum, Scaled

RNG = np.random.default_rng(1)
Y = RNG.integers(3, size=40)
X = RNG.normal(size=(40, 1, 6, 6)).astype("float32")


def network(frozen: Any = (), optimizer: Any = "adamw", **settings: Any) -> nn.Sequential:
    layers = [
        nn.Conv2D(3, 3, "relu", name="a"),
        nn.BatchNorm(name="b"),
        nn.Conv2DTranspose(2, 2, name="c"),
        nn.Flatten(),
        nn.Dense(5, "tanh", penalty="l2", name="d"),
        Scaled("e"),
        nn.Dense(3, "softmax", name="f"),
    ]
    model = nn.Sequential(layers, seed=2, **settings)
    model.compile(optimizer=optimizer)
    model.build((1, 6, 6))
    for layer in model.layers:
        layer.trainable = layer.name not in frozen
    return model


def arrays(model: nn.Sequential) -> dict[str, dict[str, np.ndarray]]:
    return {
        layer.name: {name: to_numpy(a).copy() for name, a in layer.arrays.items()}
        for layer in model.layers
    }


@pytest.mark.parametrize("frozen", ["a", "b", "ab", "abcd", "cf", "e", "bdf", "abcdef"])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "own"])
def test_only_trainable_layers_move(backend: Any, frozen: str, optimizer: str) -> None:  # noqa: F811
    model = network(frozen, Momentum(global_clipnorm=1.0) if optimizer == "own" else optimizer)
    before = arrays(model)
    model.fit(X, Y, epochs=2, batch_size=16, verbose=0)
    for name, kept in before.items():
        now = arrays(model)[name]
        for key, value in kept.items():
            assert np.array_equal(now[key], value) == (name in frozen), (name, key)
    for layer in model.layers:
        if layer.name in frozen:
            assert not any(to_numpy(g).any() for g in layer.grads.values())


@pytest.mark.parametrize("frozen", ["b", "bcd", "f"])
def test_gradients_of_the_others_are_those_of_the_whole(backend: Any, frozen: str) -> None:  # noqa: F811
    """Batch normalisation stays frozen in both, since its statistics are others then."""
    gradients = {}
    for names in ("b", frozen + "b"):
        model = network(names, "sgd")
        model.fit(X, Y, epochs=1, batch_size=40, verbose=0)
        gradients[names] = {
            layer.name: {k: to_numpy(g).copy() for k, g in layer.grads.items()}
            for layer in model.layers
            if layer.name not in frozen + "b"
        }
    whole, part = gradients["b"], gradients[frozen + "b"]
    for name, wanted in part.items():
        for key, value in wanted.items():
            np.testing.assert_allclose(value, whole[name][key], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("frozen", ["b", "bd", "abc", "bef"])
def test_the_gradient_check_leaves_frozen_layers_out(frozen: str) -> None:
    model = network(frozen, "sgd", dtype="float64")
    nn.gradcheck(model, X[:6].astype("float64"), Y[:6])


def test_nothing_runs_below_the_lowest_trainable_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    with nn.use_backend("numpy"):
        model = network("abcd", "sgd")
        for layer in model.layers[:5]:
            forward = layer.forward

            def watched(*args: Any, forward: Any = forward) -> Any:
                y, _ = forward(*args)
                return y, lambda *_: pytest.fail("a frozen layer ran backward")

            monkeypatch.setattr(layer, "forward", kernels_only(watched))
        model.fit(X, Y, verbose=0)


def test_freezing_during_a_fit_takes_effect_at_once(backend: Any) -> None:  # noqa: F811
    kept = {}

    def freeze(epoch: int, logs: Any) -> None:
        if epoch == 1:
            model.trainable = False
            model.layers[-1].trainable = True
            kept.update(arrays(model))

    model = network((), "sgd")
    model.fit(X, Y, epochs=4, verbose=0, callbacks=[nn.LambdaCallback(on_epoch_end=freeze)])
    now = arrays(model)
    assert all(np.array_equal(now["a"][k], v) for k, v in kept["a"].items())
    assert not np.array_equal(now["f"]["w"], kept["f"]["w"])


def test_freezing_again_leaves_no_gradients_to_clip(backend: Any) -> None:  # noqa: F811
    def turn(epoch: int, logs: Any) -> None:
        found.append(to_numpy(model.gradients[: model[0].grads["w"].size]).any())
        model[0].trainable = epoch == 0

    model, found = network("a", "sgd"), []
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[nn.LambdaCallback(on_epoch_end=turn)])
    assert found == [False, True, False]


def test_a_class_may_be_frozen(backend: Any) -> None:  # noqa: F811
    class Fixed(Scaled):
        trainable = False

    model = nn.Sequential([nn.Flatten(), Fixed(), nn.Dense(3, "softmax")])
    model.compile(optimizer=Momentum())
    model.fit(X, Y, verbose=0)
    assert not model[1].trainable
    assert (to_numpy(model[1].params["scale"]) == 1).all()
    model[1].trainable = True
    model.fit(X, Y, verbose=0)
    assert (to_numpy(model[1].params["scale"]) != 1).any()
    assert not Fixed().trainable
    with pytest.raises(AttributeError, match="did you mean 'trainable'"):
        type("Misspelt", (Scaled,), {"trainabel": False})


def test_it_is_saved_copied_and_shown(tmp_path: Path) -> None:
    import copy

    model = network("abc")
    model.save(tmp_path / "m.safetensors")
    for again in (
        nn.load(tmp_path / "m.safetensors", custom_objects={"Scaled": Scaled}),
        copy.deepcopy(model),
    ):
        assert [layer.trainable for layer in again.layers] == [
            layer.trainable for layer in model.layers
        ]
    lines: list[str] = []
    model.summary(lines.append)
    assert "30 frozen" in lines[0]
    trainable = sum(model[i].count_params for i in (4, 5, 6))
    assert f"{trainable:,} of them trainable" in lines[0]
    back = {step.layer for step in nn.explain(model) if step.direction != "forward"}
    assert back <= {*"def", "update"}


@pytest.mark.parametrize("name", ["trainabel", "Trainable", "trainables", "trainble"])
def test_a_misspelt_switch_is_no_switch(name: str) -> None:
    for thing in (nn.Dense(3), network()):
        with pytest.raises(AttributeError, match="did you mean 'trainable'"):
            setattr(thing, name, False)
    with pytest.raises(TypeError, match="must be True or False"):
        nn.Dense(3).trainable = "no"  # type: ignore[assignment]
