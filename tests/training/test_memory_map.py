"""Data larger than memory: mapped from disk, and read batch by batch."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnaccel.layers import Dense
from nnaccel.model.sequential import Sequential

ROWS = 40_000


def classifier() -> Sequential:
    model = Sequential([Dense(4, "tanh"), Dense(3, "softmax")], seed=0)
    model.compile()
    return model


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return np.random.default_rng(0).integers(3, size=ROWS)


@pytest.fixture(scope="module")
def pixels(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """30 MB of pixels on disk."""
    path = tmp_path_factory.mktemp("map") / "x"
    rng = np.random.default_rng(0)
    rng.integers(256, size=(ROWS, 784), dtype=np.uint8).tofile(path)
    return np.memmap(path, np.uint8, "r", shape=(ROWS, 28, 28))


def peak_of(task: Callable[[], Any]) -> int:
    """Bytes that Python and NumPy had allocated at most."""
    tracemalloc.start()
    try:
        task()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_mapped_data_is_not_loaded(pixels: Any, labels: np.ndarray, backend: Any) -> None:
    model = classifier()
    settings = {"batch_size": 100, "verbose": 0}
    held_out = pixels[:1000], labels[:1000]
    for task in (
        lambda: model.fit(pixels, labels, validation_split=0.1, **settings),
        lambda: model.fit(pixels, labels, validation_data=held_out, shuffle=False, **settings),
        lambda: model.evaluate(pixels, labels),
        lambda: model.predict(pixels),
    ):
        task()  # compiles
        assert peak_of(task) < pixels.nbytes / 4


def test_pixels_in_memory_are_not_copied(pixels: Any, labels: np.ndarray, backend: Any) -> None:
    """So a training takes the set, as it is, and little more."""
    x, model = np.array(pixels), classifier()

    def task() -> None:
        model.fit(x, labels, batch_size=100, validation_split=0.1, verbose=0)

    task()  # compiles
    assert peak_of(task) < x.nbytes / 4


def test_mapped_and_loaded_data_train_alike(pixels: Any, labels: np.ndarray, backend: Any) -> None:
    loaded, mapped, file = classifier(), classifier(), Path(pixels.filename)
    settings = {"epochs": 2, "batch_size": 64, "validation_split": 0.1, "verbose": 0}
    history = mapped.fit(pixels[:2000], labels[:2000], **settings).history
    assert loaded.fit(np.array(pixels[:2000]), labels[:2000], **settings).history == history
    np.testing.assert_array_equal(mapped.weights, loaded.weights)
    assert file.stat().st_size == pixels.nbytes


def test_mapped_floats_and_other_orders(tmp_path: Path, backend: Any) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 6)).astype("float32"), rng.integers(3, size=200)
    reference = classifier()
    reference.fit(x, y, verbose=0)
    for number, (dtype, order) in enumerate([("f4", "C"), ("f8", "C"), ("f4", "F"), (">f4", "C")]):
        mapped = np.memmap(tmp_path / str(number), dtype, "w+", shape=x.shape, order=order)
        mapped[...] = x
        mapped.flush()
        model = classifier()
        model.fit(mapped, y, verbose=0)
        np.testing.assert_array_equal(model.weights, reference.weights)


def test_npy_files_are_mapped_too(tmp_path: Path, labels: np.ndarray) -> None:
    np.save(tmp_path / "x.npy", np.ones((100, 5), np.uint8))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    model = classifier()
    model.fit(mapped, labels[:100], verbose=0)
    assert model.predict(mapped).shape == (100, 3)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not let go of mapped files")
def test_streams_hold_one_batch(tmp_path: Path, backend: Any) -> None:
    def batches() -> Any:
        for seed in range(200):
            rng = np.random.default_rng(seed)
            yield rng.normal(size=(500, 50)), rng.integers(3, size=500)

    model = classifier()
    model.fit([next(batches())], verbose=0)
    assert peak_of(lambda: model.fit(batches(), verbose=0)) < 200 * 500 * 50 * 8 / 10
