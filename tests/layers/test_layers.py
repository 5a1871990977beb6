"""Layers by themselves: shapes, forward, backward, settings."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from nnaccel import layers
from nnaccel.backends import is_kernels_only, to_numpy
from nnaccel.layers import ELU, Activation, Dense, Dropout, Flatten, Layer, LeakyReLU, ReLU, Softmax
from nnaccel.layers.penalties import L1L2, L2
from nnaccel_kernels import activations

from .checks import assert_gradients, place

ACTIVATIONS = [*activations.ACTIVATIONS, "softmax", "log_softmax"]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("activate", [True, False])
def test_dense(backend: Any, activation: str, use_bias: bool, activate: bool) -> None:
    layer = Dense(5, activation, use_bias=use_bias, bias_initializer="normal")
    layer.build((3, 4), seed=0, dtype=np.float64)
    assert {k: v.shape for k, v in layer.params.items()} == (
        {"w": (12, 5), "b": (5,)} if use_bias else {"w": (12, 5)}
    )
    assert (layer.input_shape, layer.output_shape) == ((3, 4), (5,))
    assert layer.count_params == 65 - 5 * (not use_bias)
    place(layer, backend)
    x = np.random.default_rng(1).standard_normal((7, 3, 4))
    assert_gradients(backend, layer, x, activate=activate)
    y, backward = layer.forward(backend.asarray(x), activate=activate)
    assert y.shape == (7, 5)
    assert backward(y, False) is None
    assert backward(y, True).shape == x.shape


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation_layers(backend: Any, activation: str) -> None:
    x = np.random.default_rng(1).standard_normal((4, 2, 5))
    assert_gradients(backend, Activation(activation), x)
    off, backward = Activation(activation).forward(backend.asarray(x), activate=False)
    np.testing.assert_array_equal(to_numpy(off), x)
    np.testing.assert_array_equal(to_numpy(backward(off, True)), x)


@pytest.mark.parametrize(
    ("layer", "name", "alpha"),
    [
        (ReLU(), "relu", 0.0),
        (LeakyReLU(), "leaky_relu", 0.3),
        (LeakyReLU(0.1), "leaky_relu", 0.1),
        (ELU(), "elu", 1.0),
        (ELU(0.5), "elu", 0.5),
        (Softmax(), "softmax", 0.0),
    ],
)
def test_short_names(layer: Activation, name: str, alpha: float) -> None:
    assert (layer.activation, layer.alpha) == (name, alpha)


def test_flatten(backend: Any) -> None:
    x = np.random.default_rng(1).standard_normal((4, 2, 5))
    layer = Flatten()
    assert layer.infer_shape((2, 5)) == (10,)
    assert_gradients(backend, layer, x)


def test_dropout_drops_in_training_only(backend: Any) -> None:
    layer = Dropout(0.4)
    layer.bind(np.array([9], np.uint64), np.array([2]))
    x = np.random.default_rng(1).standard_normal((20, 30))
    still, _ = layer.forward(backend.asarray(x), training=False)
    np.testing.assert_array_equal(to_numpy(still), x)
    y, backward = layer.forward(backend.asarray(x), training=True)
    assert (to_numpy(y) == 0).mean() == pytest.approx(0.4, abs=0.1)
    assert backward(y, False) is None
    assert_gradients(backend, layer, x, training=True)


def test_dropouts_mask_changes_with_the_step_and_the_key(backend: Any) -> None:
    layer, step = Dropout(0.5), np.array([0])
    layer.bind(np.array([9], np.uint64), step)
    x = backend.asarray(np.ones((10, 20)))
    first = to_numpy(layer.forward(x, training=True)[0])
    np.testing.assert_array_equal(to_numpy(layer.forward(x, training=True)[0]), first)
    step[0] += 1
    second = to_numpy(layer.forward(x, training=True)[0])
    assert (first != second).any()
    layer.bind(np.array([10], np.uint64), np.array([0]))
    assert (to_numpy(layer.forward(x, training=True)[0]) != first).any()


@pytest.mark.parametrize(
    "layer", [Dense(3, "relu"), Dense(3, "softmax"), Flatten(), Dropout(0.5), Activation("tanh")]
)
def test_an_empty_batch(backend: Any, layer: Layer) -> None:
    layer.build((2, 4), seed=0)
    place(layer, backend)
    x = backend.asarray(np.zeros((0, 2, 4), np.float32))
    y, backward = layer.forward(x, training=True)
    assert y.shape == (0, *layer.output_shape)
    assert backward(y, True).shape == (0, 2, 4)


@pytest.mark.parametrize(
    "layer",
    [
        Dense(3),
        Dense(3, "elu", use_bias=False, initializer="he_normal", penalty=L1L2(0.1, 0.2)),
        Flatten(name="rows"),
        Dropout(0.25),
        LeakyReLU(0.1),
    ],
)
def test_settings_make_the_same_layer(layer: Layer) -> None:
    again = type(layer)(**layer.config())
    assert again.config() == layer.config()
    assert again.penalty == layer.penalty
    assert repr(again) == repr(layer)


def test_same_seed_same_parameters() -> None:
    first, second = Dense(4), Dense(4)
    first.build((3,), seed=[1, 2])
    second.build((3,), seed=[1, 2])
    np.testing.assert_array_equal(first.params["w"], second.params["w"])
    assert first.params["w"].dtype == np.float32
    assert not first.params["b"].any()


def test_settings_are_the_attributes_named_like_the_arguments() -> None:
    class Times(Layer):
        def __init__(self, factor: float = 1.0, **settings: Any) -> None:
            super().__init__(**settings)
            self.factor = factor

        def infer_shape(self, input_shape: Any) -> Any:
            return input_shape

        def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
            return x * self.factor, lambda dy, _: dy * self.factor

    class Hides(Times):
        def __init__(self, secret: float = 1.0) -> None:
            super().__init__(secret)

    assert Times(2.0, name="mine").config() == {"factor": 2.0, "name": "mine"}
    assert repr(Times(2.0)) == "Times(factor=2.0)"
    assert repr(Hides(2.0)) == "Hides()"
    with pytest.raises(TypeError, match=r"'secret'. To fix: .* define config\(\)"):
        Hides(2.0).config()


IN_ARRAY_CODE = {
    "GaussianNoise",
    "GroupNorm",
    "PReLU",
}  # layers of the library that run as Python between kernels


def test_layers_of_the_library_work_through_kernels_and_others_need_not() -> None:
    class Inherited(Dense):
        pass

    class Own(Dense):
        def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
            return super().forward(x, training, activate)

    class Wrapped(Dense):
        @functools.wraps(Dense.forward)
        def forward(self, *args: Any) -> Any:
            return super().forward(*args)

    assert is_kernels_only(Inherited(1).forward)
    assert not is_kernels_only(Own(1).forward)
    assert not is_kernels_only(Wrapped(1).forward)
    assert not is_kernels_only(len)
    for kind in vars(layers).values():
        if (
            isinstance(kind, type)
            and issubclass(kind, Layer)
            and kind.__name__ not in IN_ARRAY_CODE
        ):
            assert kind is Layer or is_kernels_only(kind.forward), (
                f"{kind.__name__}: mark its forward @kernels_only, or name it in IN_ARRAY_CODE"
            )


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Dense(0), ValueError, "units=0 must be a whole number of at least 1"),
        (lambda: Dense(2.5), ValueError, "units=2.5"),
        (lambda: Dense(True), ValueError, "units=True"),
        (lambda: Dense("ten"), ValueError, "units='ten'"),
        (lambda: Dense(3, "rellu"), ValueError, "Did you mean 'relu'"),
        (lambda: Dense(3, initializer="he"), ValueError, "unknown initializer 'he'"),
        (lambda: Dense(3, penalty="l3"), ValueError, "unknown penalty 'l3'"),
        (lambda: Dense(3, penalty=0.1), TypeError, "must be a Penalty"),
        (lambda: L2(-1), ValueError, "l2=-1 must be a number, at least 0"),
        (lambda: Dropout(1), ValueError, "rate=1 must be at least 0 and below 1"),
        (lambda: Dropout(float("nan")), ValueError, "rate=nan"),
        (lambda: Activation("silu"), ValueError, "It is called 'swish' here"),
        (lambda: LeakyReLU(-0.1), ValueError, "alpha=-0.1"),
    ],
)
def test_errors_in_words(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()
