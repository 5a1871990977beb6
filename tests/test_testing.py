"""Whole models against finite differences, and the checks themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnaccel import assert_parity, gradcheck, ops, use_backend
from nnaccel.layers import Activation, Conv2D, Dense, Dropout, Flatten, Layer, MaxPool2D
from nnaccel.layers.penalties import L1L2
from nnaccel.model.sequential import Sequential
from nnaccel_kernels.activations import ACTIVATIONS

from .registered import LOSSES


def problem(classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    return rng.normal(size=(7, 4)), rng.integers(classes, size=7)


def compiled(layers: list[Layer], loss: str = "mse", **settings: Any) -> Sequential:
    model = Sequential(layers, seed=0, **{"dtype": "float64", **settings})
    model.compile(loss=loss)
    return model


class Doubled(Layer):
    """Doubles, but claims that its gradient is not doubled, where it is asked to be wrong."""

    def __init__(self, claimed: float) -> None:
        super().__init__()
        self.claimed = claimed

    def infer_shape(self, input_shape: Any) -> Any:
        return input_shape

    def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
        return 2 * x, lambda dy, _: self.claimed * dy


@pytest.mark.parametrize("activation", [*ACTIVATIONS, "softmax", "log_softmax"])
def test_every_activation_inside(activation: str, backend: Any) -> None:
    layers = [Dense(6, activation), Activation(activation), Dense(3)]
    gradcheck(compiled(layers), *problem())


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", [*ACTIVATIONS, "softmax"])
def test_every_activation_before_every_loss(activation: str, loss: str, backend: Any) -> None:
    x, y = problem()
    model = compiled([Dense(5, "tanh"), Dense(3, activation)], loss)
    if LOSSES[loss].takes != "numbers" and activation not in ("sigmoid", "softmax"):
        model.build((4,))  # give the loss something like probabilities
        model.layers[-1].params["w"][...] *= 0.02
        model.layers[-1].params["b"][...] = 0.4
    gradcheck(model, x, y)
    gradcheck(model, x, np.random.default_rng(0).uniform(size=(7, 3)))


@pytest.mark.parametrize("last", ["sigmoid", "linear"])
def test_single_outputs(last: str, backend: Any) -> None:
    loss = "binary_crossentropy" if last == "sigmoid" else "mse"
    gradcheck(compiled([Dense(5, "relu"), Dense(1, last)], loss), *problem(2))


def test_deep_with_everything(backend: Any) -> None:
    layers = [
        Flatten(),
        Dense(9, "relu", penalty=L1L2(0.01, 0.02)),
        Dropout(0.4),
        Dense(8, "gelu", use_bias=False),
        Activation("elu"),
        Dropout(0.2),
        Dense(7, "tanh", penalty="l2"),
        Dense(3),
        Activation("softmax"),
    ]
    x, y = problem()
    model = compiled(layers, "categorical_crossentropy")
    gradcheck(model, x.reshape(7, 2, 2), y)
    model.fit(x.reshape(7, 2, 2), y, epochs=3, verbose=0)
    for seed in range(3):
        gradcheck(model, x.reshape(7, 2, 2), y, seed=seed)


def test_pixels_and_plain_layers(backend: Any) -> None:
    _, y = problem()
    pixels = np.random.default_rng(0).integers(256, size=(7, 4), dtype=np.uint8)
    model = compiled(
        [Dense(4, "tanh"), Doubled(2), Dense(3, "softmax")], "categorical_crossentropy"
    )
    gradcheck(model, pixels, y)


def test_the_model_is_left_as_it_was(backend: Any) -> None:
    model = compiled([Dense(4, "tanh"), Dropout(0.5), Dense(3)])
    model.build((4,))
    before = model.weights.copy()
    gradcheck(model, *problem())
    np.testing.assert_array_equal(model.weights, before)
    assert model.iterations[0] == 0


def test_a_wrong_backward_is_caught(backend: Any) -> None:
    model = compiled([Dense(4, "tanh"), Doubled(1.9), Dense(3)])
    with pytest.raises(AssertionError, match=r"analytic -?\d\S+, numeric -?\d\S+ \(difference"):
        gradcheck(model, *problem())


def convolutional() -> tuple[Sequential, np.ndarray, np.ndarray]:
    """A network of more than a million parameters, with many kinks, and a batch for it."""
    rng = np.random.default_rng(0)
    layers = [
        Conv2D(32, 3, "relu"),
        Conv2D(64, 3, "relu"),
        MaxPool2D(2),
        Dense(128, "relu"),
        Dense(10, "softmax"),
    ]
    pixels = rng.integers(256, size=(4, 28, 28), dtype=np.uint8)
    return compiled(layers, "categorical_crossentropy"), pixels, rng.integers(10, size=4)


def test_a_large_network_with_kinks(backend: Any) -> None:
    model, x, y = convolutional()
    for seed in range(4):
        gradcheck(model, x, y, seed=seed)


@pytest.mark.parametrize(("index", "name"), [(0, "w"), (0, "b"), (1, "b"), (3, "w"), (4, "b")])
def test_a_wrong_part_of_a_large_gradient_is_caught(
    monkeypatch: pytest.MonkeyPatch, index: int, name: str
) -> None:
    model, x, y = convolutional()
    layer = model.layers[index]
    right = layer.forward

    def forward(*args: Any) -> Any:
        outputs, backward = right(*args)

        def too_large(dy: Any, wanted: bool) -> Any:
            dx = backward(dy, wanted)
            layer.grads[name][...] *= 1.1
            return dx

        return outputs, too_large

    monkeypatch.setattr(layer, "forward", forward)
    with pytest.raises(AssertionError, match="gradient of the model's parameters"):
        gradcheck(model, x, y)


def test_a_replaced_gradient_is_caught(backend: Any) -> None:
    class Replacing(Dense):
        def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
            y, backward = super().forward(x, training, activate)

            def replace(dy: Any, wanted: bool) -> Any:
                dx = backward(dy, wanted)
                self.grads["w"] = self.grads["w"] * 1.0
                return dx

            return y, replace

    with pytest.raises(ValueError, match=r"replaced grads\['w'\].* To fix: write into it"):
        gradcheck(compiled([Dense(4, "tanh"), Replacing(3)]), *problem())


def test_gradcheck_of_functions(backend: Any) -> None:
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)
    gradcheck(ops.linear, (x, w, b), backward=lambda dy, x, w, b: ops.linear_backward(dy, x, w))
    with pytest.raises(AssertionError, match=r"argument 1: analytic .*, numeric"):
        gradcheck(
            ops.linear,
            (x, w),
            backward=lambda dy, x, w: (None, 1.001 * ops.linear_backward(dy, x, w)[1]),
        )


def test_gradcheck_wants_float64_and_a_backward() -> None:
    with pytest.raises(TypeError, match="float64 model, not float32"):
        gradcheck(compiled([Dense(3)], dtype="float32"), *problem())
    with pytest.raises(TypeError, match="argument 1 is not"):
        gradcheck(np.add, (np.ones(2), np.ones(2, "float32")), backward=lambda dy, a, b: (dy, dy))
    with pytest.raises(TypeError, match="needs backward="):
        gradcheck(np.sin, np.ones(3))
    with pytest.raises(RuntimeError, match="not compiled"):
        gradcheck(Sequential([Dense(3)], dtype="float64"), *problem())


# Parity


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parity(dtype: str, backend: Any) -> None:
    layers = [Dense(9, "gelu", penalty="l1_l2"), Dropout(0.3), Dense(3, "softmax")]
    model = compiled(layers, "categorical_crossentropy", dtype=dtype)
    model.compile(optimizer="adam")
    model.fit(*problem(), verbose=0)
    before = model.weights.copy()
    tolerance = 1e-4 if dtype == "float32" else 1e-10
    assert_parity(model, ["numpy", "numba"], *problem(), rtol=tolerance)
    assert model.backend.name == backend.name
    np.testing.assert_array_equal(model.weights, before)
    with use_backend("numpy"):  # not held where it was, but by arrays that are not NumPy's
        assert model.backend.name == ("numpy" if backend.on_host else backend.name)


def test_disparity_names_the_backends() -> None:
    class Odd(Layer):
        def infer_shape(self, input_shape: Any) -> Any:
            return input_shape

        def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
            from nnaccel import get_backend

            factor = 1.5 if get_backend().name == "numba" else 1
            return factor * x, lambda dy, _: factor * dy

    model = compiled([Dense(3), Odd()]).to("numpy")
    with pytest.raises(AssertionError, match="loss on numpy and on numba differ"):
        assert_parity(model, ["numpy", "numba"], *problem())
    assert model.backend.name == "numpy"
