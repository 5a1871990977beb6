"""Data sets on a device without room for them, told by the fake: they go over in pieces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.backends import _upload
from nnaccel.training import piece_stream

from .. import fake_cupy as fake
from .. import fake_memory
from .test_cupy_path import X, Y, assert_close, assert_same_model, fit, make

PIECE = 2000  # bytes: two batches of 32 rows of X


@pytest.fixture
def short_of_memory(fake_cupy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device with half the memory of X, and small pinned buffers."""
    monkeypatch.setattr(fake_cupy.cuda.runtime, "memGetInfo", lambda: (X.nbytes, 10 * X.nbytes))
    monkeypatch.setattr(_upload, "PIECE_BYTES", PIECE)
    monkeypatch.setattr(piece_stream, "PIECE_BYTES", PIECE)


@pytest.mark.usefixtures("short_of_memory")
@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_what_does_not_fit_is_streamed(tmp_path: Path, on_disk: bool, shuffle: bool) -> None:
    x, weights = X, np.linspace(0, 2, len(X))
    if on_disk:
        X.tofile(tmp_path / "x")
        x = np.memmap(tmp_path / "x", X.dtype, "r", shape=X.shape)
    results = []
    for name in ("numpy", "cupy"):
        with nn.use_backend(name):
            model = make()
            settings = {"batch_size": 32, "verbose": 0, "shuffle": shuffle}
            history = model.fit(
                x, Y, epochs=3, sample_weight=weights, validation_data=(x, Y), **settings
            ).history
            measured = model.evaluate(x, Y), model.predict(x, batch_size=50)
            results.append((model, history, *measured))
    assert_same_model(results[0][0], results[1][0])
    for key, values in results[0][1].items():
        assert_close(results[1][1][key], values)
    assert_close(results[1][2], results[0][2])
    assert_close(results[1][3], results[0][3])
    assert fake.largest["to_device"] < X.nbytes / 2
    assert fake_memory.device["pinned"] <= PIECE


@pytest.mark.usefixtures("short_of_memory")
def test_targets_that_do_not_fit_are_streamed_too() -> None:
    codes = (X.reshape(len(X), -1) / 255).astype(np.float32)
    models = []
    for name in ("numpy", "cupy"):
        with nn.use_backend(name):
            models.append(nn.Sequential([nn.Dense(30, "sigmoid")], seed=0))
            models[-1].compile("mse", "adam")
            models[-1].fit(X, codes, epochs=2, batch_size=32, verbose=0)
    assert_same_model(*models)
    assert fake.largest["to_device"] < codes.nbytes / 4


def test_what_fits_goes_over_once_through_small_buffers(
    fake_cupy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is filled again only when the device has read it."""
    monkeypatch.setattr(_upload, "PIECE_BYTES", PIECE)
    with nn.use_backend("cupy") as backend:
        np.testing.assert_array_equal(backend.asarray(X).get(), X)
    assert fake.transfers == {"to_device": -(-X.nbytes // PIECE), "to_host": 1}
    assert (fake.largest["to_device"], fake_memory.device["pinned"]) == (0, PIECE)


def test_a_batch_is_whole_however_little_room_there_is(short_of_memory: None) -> None:
    with nn.use_backend("cupy"):
        model = make()
        fit(model, 1, validation_data=None)
        assert_close(model.predict(X, batch_size=len(X)), model.predict(X, batch_size=32))
        nn.gradcheck(make_double(), X / 255, Y)


def make_double() -> nn.Sequential:
    model = nn.Sequential([nn.Dense(4, "tanh"), nn.Dense(3, "softmax")], dtype="float64")
    model.compile("categorical_crossentropy", "sgd")
    return model
