"""Small convolutional networks: gradients, the same on every backend, and learning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from nnaccel import assert_parity, data, gradcheck, load, use_backend
from nnaccel.layers import (
    Activation,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    GlobalMaxPool2D,
    Layer,
    MaxPool2D,
    ZeroPad2D,
)
from nnaccel.model.sequential import Sequential
from nnaccel.optim import Adam


@pytest.fixture(scope="module")
def digits() -> Any:
    return data.digits()


def small() -> list[Layer]:
    return [Conv2D(8, 3, "relu"), MaxPool2D(2), Dense(10, "softmax")]


def deep() -> list[Layer]:
    return [
        ZeroPad2D(1),
        Conv2D(8, 3, "tanh", padding="same", stride=(1, 2)),
        BatchNorm(),
        DepthwiseConv2D(3, "gelu", multiplier=2, dilation=2, padding="same"),
        Dropout(0.2),
        AvgPool2D(3, 2, 1, count_include_pad=False),
        Conv2DTranspose(6, 3, "softplus", stride=2, groups=2),
        Conv2D(8, (3, 1), groups=2, use_bias=False, penalty="l2"),
        Activation("elu"),
        Flatten(),
        BatchNorm(),
        Dense(10, "softmax"),
    ]


def pooled() -> list[Layer]:
    return [Conv2D(12, 3, "tanh"), Conv2D(12, 3, "tanh"), GlobalAvgPool2D(), Dense(10, "softmax")]


def peaked() -> list[Layer]:
    return [Conv2D(12, 3, "tanh"), MaxPool2D(3, 2, "same"), GlobalMaxPool2D(), Dense(10, "softmax")]


NETWORKS = [small, deep, pooled, peaked]


def compiled(layers: list[Layer], **settings: Any) -> Sequential:
    model = Sequential(layers, seed=0, **settings)
    model.compile(optimizer="adam", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("layers", NETWORKS)
def test_gradients(backend: Any, layers: Any, digits: Any) -> None:
    (_, y), _ = digits
    x = np.random.default_rng(0).normal(size=(7, 8, 8))  # no ties, and no kinks at zero
    gradcheck(compiled(layers(), dtype="float64"), x, y[:7], rtol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layers", NETWORKS)
def test_parity(layers: Any, dtype: str, digits: Any) -> None:
    (x, y), _ = digits
    exact = dtype == "float64"
    tolerance = {"rtol": 1e-9, "atol": 1e-12} if exact else {"rtol": 1e-3, "atol": 1e-5}
    assert_parity(compiled(layers(), dtype=dtype), ["numpy", "numba"], x[:20], y[:20], **tolerance)


@pytest.mark.parametrize("layers", NETWORKS)
def test_whole_trainings_are_the_same(layers: Any, digits: Any) -> None:
    (x, y), _ = digits
    results = []
    for name in ("numpy", "numba"):
        with use_backend(name):
            model = compiled(layers(), dtype="float64")
            history = model.fit(x[:100], y[:100], epochs=2, batch_size=32, verbose=0).history
            results.append((history["loss"], model.predict(x[100:130])))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-7)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-5, atol=1e-7)


@pytest.fixture
def set_threads() -> Iterator[Any]:
    from nnaccel_kernels.cpu import set_num_threads
    from nnaccel_kernels.cpu.runtime.thread_pool import thread_pool

    before = thread_pool().size
    yield set_num_threads
    set_num_threads(before)


@pytest.mark.parametrize("layers", NETWORKS)
def test_any_number_of_threads(layers: Any, set_threads: Any, digits: Any) -> None:
    """Bit for bit: no sum may depend on who adds it up."""
    (x, y), _ = digits
    results = []
    with use_backend("numba"):
        for count in (1, 2, 3):
            set_threads(count)
            model = compiled(layers())
            model.fit(x[:200], y[:200], epochs=2, batch_size=100, verbose=0)
            results.append([*model.get_weights(), model.predict(x)])
    for others in results[1:]:
        for ours, theirs in zip(others, results[0], strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_it_learns_digits(backend: Any, digits: Any) -> None:
    (x, y), (x_test, y_test) = digits
    model = Sequential(small(), seed=0)
    model.compile(optimizer=Adam(0.01), metrics=["accuracy"])
    model.fit(x, y, epochs=5, batch_size=32, verbose=0)
    assert model.evaluate(x_test, y_test)[1] > 0.93


@pytest.mark.parametrize("layers", [small, deep])
def test_images_of_floats_batches_and_files(
    layers: Any, backend: Any, digits: Any, tmp_path: Any
) -> None:
    (x, y), _ = digits
    pixels, floats, stream = (compiled(layers()) for _ in range(3))
    settings: Any = {"batch_size": 32, "shuffle": False, "verbose": 0}
    pixels.fit(x[:96], y[:96], **settings)
    floats.fit(x[:96] / np.float32(255), y[:96], **settings)
    stream.fit([(x[i : i + 32], y[i : i + 32]) for i in (0, 32, 64)], verbose=0)
    want = pixels.predict(x[:40])
    for model in (floats, stream):
        np.testing.assert_allclose(model.predict(x[:40]), want, rtol=1e-2, atol=1e-4)
    pixels.save(tmp_path / "m")
    np.testing.assert_array_equal(load(tmp_path / "m").predict(x[:40]), want)


def test_images_come_out_as_images(backend: Any, digits: Any) -> None:
    (x, _), _ = digits
    model = compiled(deep())
    model.build((8, 8))
    images = model[:3].predict(x[:5])
    assert images.shape == (5, 8, 10, 5)
    np.testing.assert_allclose(
        model[3:].predict(images), model.predict(x[:5]), rtol=1e-4, atol=1e-6
    )


def test_a_layer_of_ones_own_between(backend: Any, digits: Any) -> None:
    """It sees images channels-last in memory and may return them in any order."""

    class Flip(Layer):
        def infer_shape(self, input_shape: Any) -> Any:
            return input_shape

        def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
            return x[..., ::-1], lambda dy, _: dy[..., ::-1]

    (x, y), _ = digits
    model = compiled([Conv2D(4, 3, "tanh"), Flip(), Conv2D(4, 3), Dense(10, "softmax")])
    model.fit(x[:64], y[:64], verbose=0)
    assert model.predict(x[:3]).shape == (3, 10)
