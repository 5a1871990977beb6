"""The torch backend trains as numpy does, and its arrays have NumPy's manners."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.backends import BackendUnavailableError, get_backend, to_numpy

from ..each_backend import NO_TORCH

pytestmark = pytest.mark.skipif(bool(NO_TORCH), reason=NO_TORCH)

MLP = "mlp", (12,)
CNN = "cnn", (2, 9, 8)


def network(kind: str) -> nn.Sequential:
    if kind == "mlp":
        layers = [nn.Dense(16, "relu"), nn.Dropout(0.2), nn.Dense(3, "softmax")]
    else:
        layers = [
            nn.Conv2D(4, 3, "relu", padding="same"),
            nn.MaxPool2D(2),
            nn.BatchNorm(),
            nn.Conv2D(6, 3),
            nn.Activation("gelu"),
            nn.AvgPool2D(2, stride=1),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Dense(3, "softmax"),
        ]
    model = nn.Sequential(layers, seed=1)
    model.compile("categorical_crossentropy", "adam", metrics=["accuracy"])
    return model


def data(shape: tuple[int, ...]) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, *shape)).astype(np.float32), rng.integers(0, 3, 60)


@pytest.mark.parametrize(("kind", "shape"), [MLP, CNN])
def test_training_agrees_with_numpy(kind: str, shape: tuple[int, ...]) -> None:
    """The same weights, shuffles and dropout by the same seed: losses differ by rounding alone."""
    x, y = data(shape)
    seen = []
    for name in ("numpy", "torch"):
        with nn.use_backend(name):
            model = network(kind)
            model.build(shape)
            first = to_numpy(model.weights).copy()
            losses = model.fit(x, y, epochs=4, batch_size=16, verbose=0).history["loss"]
            assert model.backend.name == name
            seen.append((first, losses, model.predict(x), model.evaluate(x, y)))
    np.testing.assert_array_equal(seen[0][0], seen[1][0])
    for ours, wanted in zip(seen[1][1:], seen[0][1:], strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=1e-4, atol=1e-5)


def test_a_model_moves_in_the_middle_of_its_training() -> None:
    x, y = data(CNN[1])
    with nn.use_backend("numpy"):
        moved, stayed = network("cnn"), network("cnn")
        for name in ("torch:cpu", "numpy", "torch"):
            moved.to(name)
            for model in (moved, stayed):
                model.fit(x, y, epochs=1, batch_size=16, verbose=0)
        assert moved.backend.name == "torch"
        np.testing.assert_allclose(moved.predict(x), stayed.predict(x), rtol=1e-3, atol=1e-5)


def test_ops_give_arrays_of_the_backend() -> None:
    with nn.use_backend("torch") as backend:
        x = nn.asarray(np.eye(3, dtype=np.float32))
        y = nn.ops.linear(x, x)
        assert type(y) is backend.xp.ndarray
        np.testing.assert_array_equal(to_numpy(y), np.eye(3))
        with pytest.raises(TypeError, match="NumPy and torch arrays in one call"):
            nn.ops.linear(x, np.eye(3, dtype=np.float32))
        with pytest.raises(TypeError, match="do not mix"):
            x + np.eye(3)


def test_writing_into_a_view_writes_into_the_array() -> None:
    xp = get_backend("torch").xp
    a = xp.zeros((2, 3))
    a[1, ...] += 1
    a.reshape(6)[0] = 5
    a.T[2, 0] = 7
    np.testing.assert_array_equal(a.get(), [[5, 0, 7], [1, 1, 1]])
    assert (a.dtype, a.shape, a.size, a.nbytes) == (np.float64, (2, 3), 6, 48)
    assert a.flags.c_contiguous
    assert not a.T.flags.c_contiguous


def test_read_only_memory_is_copied() -> None:
    given = np.zeros(3)
    given.flags.writeable = False
    a = get_backend("torch").xp.asarray(given)
    a += 1
    np.testing.assert_array_equal(given, 0)


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(BackendUnavailableError, match="'torch:nonsense' cannot run here: "):
        get_backend("torch:nonsense")
