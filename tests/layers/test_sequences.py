"""Layers of sequences: as those of images of one row, in every setting."""

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
#: A layer of sequences, and the one of images with the same settings.
MAKE: dict[str, tuple[Any, Any]] = {
    "conv": (lambda: nn.Conv1D(3, 4), lambda: nn.Conv2D(3, (1, 4))),
    "conv-all": (
        lambda: nn.Conv1D(4, 3, "gelu", stride=2, padding=(2, 1), dilation=2, groups=2),
        lambda: nn.Conv2D(
            4, (1, 3), "gelu", stride=(1, 2), padding=(0, 0, 2, 1), dilation=(1, 2), groups=2
        ),
    ),
    "conv-same": (
        lambda: nn.Conv1D(4, 3, "relu", padding="same", use_bias=False, penalty="l2"),
        lambda: nn.Conv2D(4, (1, 3), "relu", padding="same", use_bias=False),
    ),
    "max": (lambda: nn.MaxPool1D(), lambda: nn.MaxPool2D((1, 2))),
    "max-all": (
        lambda: nn.MaxPool1D(3, 2, "same", 2, True),
        lambda: nn.MaxPool2D((1, 3), (1, 2), "same", (1, 2), True),
    ),
    "average": (
        lambda: nn.AvgPool1D(3, 2, (1, 0), 1, True, False),
        lambda: nn.AvgPool2D((1, 3), (1, 2), (0, 0, 1, 0), 1, True, False),
    ),
}
LAYERS = pytest.mark.parametrize("name", MAKE)


def built(name: str, kind: int, shape: tuple[int, ...], backend: Any) -> nn.Layer:
    layer: nn.Layer = MAKE[name][kind]()
    layer.build(shape, seed=0, dtype=np.float64)
    place(layer, backend)
    return layer


@LAYERS
def test_they_are_those_of_images_of_one_row(backend: Any, name: str) -> None:
    x = RNG.permutation(3 * 4 * 11).reshape(3, 4, 11) / 50 - 1
    row, image = built(name, 0, (4, 11), backend), built(name, 1, (4, 1, 11), backend)
    y, backward = row.forward(backend.asarray(x))
    want, back = image.forward(backend.asarray(x[:, :, None]))
    assert y.shape == (3, *row.output_shape)
    np.testing.assert_allclose(to_numpy(y), to_numpy(want)[:, :, 0], rtol=1e-12)
    dx = to_numpy(back(want, True)).reshape(x.shape)
    np.testing.assert_allclose(to_numpy(backward(y, True)), dx, rtol=1e-12)
    assert backward(y, False) is None
    assert_gradients(backend, row, x)


def problem() -> tuple[np.ndarray, np.ndarray]:
    """Waves of two frequencies."""
    y = np.arange(60) % 2
    phase = np.random.default_rng(1).uniform(0, 6, 60)
    return np.sin(np.arange(32) * (0.5 + y[:, None]) + phase[:, None]).astype("float32"), y


def network() -> nn.Sequential:
    layers = [nn.Conv1D(8, 5, "relu"), nn.MaxPool1D(2), nn.Conv1D(8, 3, "relu"), nn.AvgPool1D(3)]
    model = nn.Sequential([*layers, nn.Dense(2, "softmax")], seed=0)
    model.compile(optimizer=nn.optim.Adam(0.01), metrics=["accuracy"])
    return model


def test_a_network_of_them_learns_alike_everywhere(backend: Any, tmp_path: Path) -> None:
    model, (x, y) = network(), problem()
    history = model.fit(x, y, epochs=15, batch_size=16, verbose=0).history
    assert history["accuracy"][-1] > 0.95
    with nn.use_backend("numpy"):
        wanted = network().fit(x, y, epochs=15, batch_size=16, verbose=0).history
    np.testing.assert_allclose(history["loss"], wanted["loss"], rtol=1e-3)
    model.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(nn.load(tmp_path / "m.safetensors").predict(x), model.predict(x))
    steps = nn.explain(model, 16)
    assert {step.layer for step in steps} >= {layer.name for layer in model.layers}
    assert steps[0].gflop == pytest.approx(2 * 16 * 8 * 5 * 28 / 1e9)


@LAYERS
def test_settings_make_the_same_layer(name: str) -> None:
    layer = MAKE[name][0]()
    again = type(layer)(**json.loads(json.dumps(layer.config())))
    assert again.config() == layer.config()
    assert repr(again) == repr(layer)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Conv1D(3, (3, 3)), r"kernel_size=\(3, 3\) must be a whole number"),
        (lambda: nn.Conv1D(3, 3, stride=0), "stride=0 must be a whole number of at least 1"),
        (lambda: nn.Conv1D(3, 3, padding=(1, 2, 3)), r"padding=\(1, 2, 3\) must be a whole"),
        (lambda: nn.Conv1D(3, 3).build((2, 4, 4)), r"takes sequences \(C, L\), or \(L,\)"),
        (lambda: nn.MaxPool1D(5).build((2, 4)), "window"),
    ],
)
def test_what_does_not_fit_is_told(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
