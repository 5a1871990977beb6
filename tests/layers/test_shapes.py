"""Layers of any shape: PReLU, Reshape, noise; the same on every backend, saved and told of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.backends import to_numpy

from .checks import assert_gradients, place

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4, 6, 5)).astype("float32")
Y = (X.mean(axis=(1, 2, 3)) > 0).astype(int)

MAKE: dict[str, Any] = {
    "slopes": lambda: nn.PReLU("normal"),
    "slopes of channels": lambda: nn.PReLU("ones", (2, 3)),
    "noise": lambda: nn.GaussianNoise(0.1),
    "enlarged": lambda: nn.UpSampling2D((2, 3)),
    "groups": lambda: nn.GroupNorm(2, 0.01),
    "reshape": lambda: nn.Reshape((2, -1, 6)),
}
LAYERS = pytest.mark.parametrize("name", MAKE)


def trained(name: str, **settings: Any) -> tuple[nn.Sequential, list[float]]:
    """A network with the layer among convolutions, whose memory is channels-last."""
    around = [nn.Conv2D(4, 3, "tanh", padding="same"), MAKE[name](), nn.Conv2D(2, 2, "tanh")]
    model = nn.Sequential([*around, nn.Dense(2, "softmax")], seed=1, dtype="float64")
    model.compile(optimizer=nn.optim.Adam(0.01))
    settings = {"epochs": 3, "batch_size": 16, "verbose": 0, **settings}
    return model, model.fit(X, Y, **settings).history["loss"]


@LAYERS
def test_gradients(backend: Any, name: str) -> None:
    layer = MAKE[name]()
    layer.build((4, 6, 5), seed=0, dtype=np.float64)
    place(layer, backend)
    y, backward = layer.forward(backend.asarray(X[:3].astype(float)))
    assert y.shape == (3, *layer.output_shape)
    assert backward(y, False) is None
    assert_gradients(backend, layer, X[:3].astype(float))


@LAYERS
def test_they_train_as_on_numpy(backend: Any, name: str) -> None:
    _, history = trained(name)
    assert history[-1] < history[0]
    with nn.use_backend("numpy"):
        np.testing.assert_allclose(history, trained(name)[1], rtol=1e-9)


@LAYERS
def test_they_are_saved_and_resumed(name: str, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    whole, _ = trained(name)
    trained(name, epochs=2, checkpoint=path)
    resumed, _ = trained(name, checkpoint=path, resume=True)
    np.testing.assert_array_equal(resumed.weights, whole.weights)
    np.testing.assert_array_equal(nn.load(path).predict(X), resumed.predict(X))
    layer = MAKE[name]()
    again = type(layer)(**json.loads(json.dumps(layer.config())))
    assert again.config() == layer.config()


def test_noise_is_there_in_training_only(backend: Any) -> None:
    layer, step = nn.GaussianNoise(0.5), np.array([3])
    layer.bind(np.array([2**63], np.uint64), step)
    zeros = backend.asarray(np.zeros((200, 50), np.float32))
    np.testing.assert_array_equal(to_numpy(layer.forward(zeros)[0]), 0)
    noise = to_numpy(layer.forward(zeros, training=True)[0])
    assert noise.dtype == np.float32
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert noise.std() == pytest.approx(0.5, rel=0.02)
    np.testing.assert_array_equal(to_numpy(layer.forward(zeros, training=True)[0]), noise)
    step[0] += 1
    assert (to_numpy(layer.forward(zeros, training=True)[0]) != noise).all()


def test_enlarging_repeats_pixels(backend: Any) -> None:
    for x in (X, X.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2), X[:, 0]):
        y, _ = nn.UpSampling2D((2, 3)).forward(backend.asarray(x))
        want = x.repeat(2, axis=-2).repeat(3, axis=-1)
        np.testing.assert_array_equal(to_numpy(y).reshape(want.shape), want)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_each_group_has_mean_0_and_deviation_1(backend: Any, groups: int) -> None:
    for x in (X, X[:, :, 0, 0]):
        layer = nn.GroupNorm(groups, 1e-9)
        layer.build(x.shape[1:])
        place(layer, backend)
        y = to_numpy(layer.forward(backend.asarray(3 * x + 5))[0]).reshape(40, groups, -1)
        if y.shape[2] > 1:
            np.testing.assert_allclose(y.mean(axis=2), 0, atol=1e-5)
            np.testing.assert_allclose(y.std(axis=2), 1, rtol=1e-3)


def test_slopes_are_shared_along_axes() -> None:
    for axes, shape in (((), (4, 6, 5)), ((2, 3), (4, 1, 1)), ([1], (1, 6, 5))):
        layer = nn.PReLU("ones", axes)
        layer.build((4, 6, 5))
        assert layer.params["alpha"].shape == shape
    y, _ = layer.forward(X)
    np.testing.assert_array_equal(y, X)
    layer.params["alpha"][...] = 0.5
    np.testing.assert_array_equal(layer.forward(X)[0], np.where(X > 0, X, X / 2))


def test_a_reshape_keeps_the_order_of_numbers(backend: Any) -> None:
    last = np.ascontiguousarray(X.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for x in (X, last):
        y, _ = nn.Reshape((-1, 10)).forward(backend.asarray(x))
        np.testing.assert_array_equal(to_numpy(y), X.reshape(40, 12, 10))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Reshape((-1, -1)), "more than one -1"),
        (lambda: nn.Reshape((0, 3)), "target_shape=0 must be a whole number"),
        (lambda: nn.Reshape((7, -1)).build((4, 5)), "of 20 numbers do not fit target_shape"),
        (lambda: nn.GaussianNoise(-1), "stddev=-1 must be at least 0"),
        (lambda: nn.UpSampling2D(0), "size"),
        (lambda: nn.GroupNorm(3).build((4,)), "4 channels do not split into 3 groups"),
        (lambda: nn.PReLU(shared_axes=(0,)).build((4,)), "have the axes 1 to 1"),
    ],
)
def test_what_does_not_fit_is_told(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
