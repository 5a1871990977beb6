"""Whole trainings go as on NumPy: the same start, shuffles, dropout, losses and weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnaccel.backends import Backend
from nnaccel.layers import (
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    LayerNorm,
    MaxPool2D,
    Residual,
)
from nnaccel.model.loading import load
from nnaccel.model.sequential import Sequential
from nnaccel.optim import OPTIMIZERS
from nnaccel_kernels.activations import ACTIVATIONS

#: Tolerance of losses and outputs after a few epochs.
ROUNDING = {"float32": 2e-4, "float64": 1e-9}

dtypes = pytest.mark.parametrize("dtype", list(ROUNDING))


@pytest.fixture(scope="module")
def table() -> tuple[np.ndarray, np.ndarray]:
    """Return 150 rows of 12 numbers in three classes."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 12))
    y = rng.integers(0, 3, 150)
    return centres[y] + 0.7 * rng.normal(size=(150, 12)), y


@pytest.fixture(scope="module")
def pictures() -> tuple[np.ndarray, np.ndarray]:
    """Return 40 images of 2 x 9 x 8 with a bright row or a bright column."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 2, 9, 8)), rng.integers(0, 2, 40)
    for image, label in zip(x, y, strict=True):
        if label:
            image[:, 4] += 2
        else:
            image[:, :, 4] += 2
    return x, y


def perceptron(optimizer: str, activation: str, dtype: str) -> Sequential:
    """Return a small network with dropout and both penalties."""
    layers = [
        Dense(16, activation, penalty="l2"),
        Dropout(0.2),
        Dense(3, "softmax", penalty="l1"),
    ]
    model = Sequential(layers, seed=1, dtype=dtype)
    model.compile("categorical_crossentropy", optimizer, metrics=["accuracy"])
    return model


def convolutional(dtype: str) -> Sequential:
    """Return a network of most kinds of layers on images."""
    layers = [
        Conv2D(6, 3, padding="same", activation="relu"),
        BatchNorm(),
        MaxPool2D(2),
        Residual([Conv2D(6, 3, padding="same", groups=2), LayerNorm()]),
        AvgPool2D(2),
        Flatten(),
        Dense(2, "softmax"),
    ]
    model = Sequential(layers, seed=2, dtype=dtype)
    model.compile("categorical_crossentropy", "adam")
    return model


def train(model: Sequential, data: Any, **settings: Any) -> dict[str, list[float]]:
    """Train two epochs on most of the data, with a ragged last batch, and return the history."""
    settings = {"epochs": 2, "batch_size": 32, "validation_split": 0.2, "verbose": 0, **settings}
    return model.fit(*data, **settings).history


def assert_alike(
    backend: Backend, make: Callable[[], Sequential], data: Any, rounding: float
) -> None:
    """Train a model on NumPy and its like on the backend, and compare all that comes of it."""
    plain, ours = make().to("numpy"), make().to(backend.name)
    wanted, history = train(plain, data), train(ours, data)
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(history[name], wanted[name], rtol=rounding, err_msg=name)
    outputs = backend.to_numpy(ours.predict(data[0]))
    np.testing.assert_allclose(outputs, plain.predict(data[0]), atol=10 * rounding)


@dtypes
@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
def test_every_optimizer(backend: Backend, optimizer: str, dtype: str, table: Any) -> None:
    make = partial(perceptron, optimizer, "tanh", dtype)
    assert_alike(backend, make, table, ROUNDING[dtype])


@dtypes
@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_every_activation(backend: Backend, activation: str, dtype: str, table: Any) -> None:
    make = partial(perceptron, "sgd", activation, dtype)
    assert_alike(backend, make, table, ROUNDING[dtype])


@dtypes
def test_layers_on_images(backend: Backend, dtype: str, pictures: Any) -> None:
    assert_alike(backend, partial(convolutional, dtype), pictures, 5 * ROUNDING[dtype])


def test_moving_between_epochs_changes_nothing_but_rounding(backend: Backend, table: Any) -> None:
    dtype = "float64" if backend.doubles else "float32"
    stays, moves = (perceptron("adam", "tanh", dtype) for _ in range(2))
    wanted = train(stays.to("numpy"), table, epochs=3)
    for epoch, name in enumerate(("numpy", backend.name, "numpy")):
        history = train(moves.to(name), table, epochs=epoch + 1, initial_epoch=epoch)
        np.testing.assert_allclose(history["loss"][0], wanted["loss"][epoch], ROUNDING[dtype])


def test_a_saved_model_goes_on_where_it_was(backend: Backend, table: Any, tmp_path: Path) -> None:
    whole, parted = (perceptron("adam", "relu", "float32").to(backend.name) for _ in range(2))
    wanted = train(whole, table, epochs=2)
    train(parted, table, epochs=1)
    parted.save(tmp_path / "model.safetensors")
    resumed = load(tmp_path / "model.safetensors").to(backend.name)
    history = train(resumed, table, epochs=2, initial_epoch=1)
    assert history["loss"] == wanted["loss"][1:], "bit for bit"


def test_mixed_precision(backend: Backend, table: Any) -> None:
    if not backend.halves:
        pytest.skip(f"{backend.name} takes no arrays of 16 bits")
    make = partial(perceptron, "sgd", "relu", "mixed_float16")
    assert_alike(backend, make, table, 2e-2)
