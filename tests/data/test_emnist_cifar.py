"""EMNIST and CIFAR-10, on small files of their forms."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnaccel.data import DataError, DataNotFoundError, cifar10, emnist

from .samples import idx_bytes

rng = np.random.default_rng(0)
X = rng.integers(0, 256, (6, 28, 28), np.uint8)


def put(folder: Path, split: str, labels: Any, gz: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {"images-idx3": X, "labels-idx1": np.asarray(labels, np.uint8)}
    for part in ("train", "test"):
        for name, array in arrays.items():
            path = folder / f"emnist-{split}-{part}-{name}-ubyte{'.gz' * gz}"
            path.write_bytes(gzip.compress(idx_bytes(array)) if gz else idx_bytes(array))


@pytest.mark.parametrize("where", ["emnist", "emnist/gzip"])
@pytest.mark.parametrize("gz", [False, True])
def test_images_stand_upright_and_letters_begin_at_0(places: Any, where: str, gz: bool) -> None:
    put(places[0] / where, "letters", [1, 26, 2, 3, 4, 5], gz)
    for x, y in emnist("letters"):
        np.testing.assert_array_equal(x, X.transpose(0, 2, 1))
        assert x.flags.c_contiguous
        assert y.tolist() == [0, 25, 1, 2, 3, 4]
        assert y.dtype == np.int64


def test_other_splits_begin_at_0_in_the_files(places: Any, tmp_path: Path) -> None:
    put(tmp_path / "mine", "balanced", [0, 46, 2, 3, 4, 5])
    _, (_, y) = emnist(path=tmp_path / "mine")
    assert y.tolist() == [0, 46, 2, 3, 4, 5]
    put(tmp_path / "mine", "digits", [0, 10, 2, 3, 4, 5])
    with pytest.raises(DataError, match="runs from 0 to 10, but has 10 classes"):
        emnist("digits", tmp_path / "mine")
    put(tmp_path / "mine", "digits", [0, 1])
    with pytest.raises(DataError, match=r"\(N, 28, 28\) and \(N,\) were expected"):
        emnist("digits", tmp_path / "mine")


def test_what_is_not_there_is_told_of(places: Any) -> None:
    with pytest.raises(DataNotFoundError, match=r"split 'byclass' was not found in .*unpack it"):
        emnist("byclass")
    with pytest.raises(ValueError, match="Did you mean 'letters'"):
        emnist("leters")
    with pytest.raises(DataNotFoundError, match=r"CIFAR-10 was not found in .*unpack the binary"):
        cifar10()


def photographs(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Write the six files of CIFAR-10, of two images each."""
    images = rng.integers(0, 256, (12, 3, 32, 32), np.uint8)
    labels = rng.integers(0, 10, 12)
    names = [*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"]
    folder.mkdir(parents=True)
    for number, name in enumerate(names):
        rows = slice(2 * number, 2 * number + 2)
        flat = images[rows].reshape(2, -1)
        data = np.hstack([labels[rows, None].astype(np.uint8), flat])
        (folder / name).write_bytes(data.tobytes())
    return images, labels


@pytest.mark.parametrize("name", ["cifar10", "cifar-10-batches-bin"])
def test_photographs(places: Any, name: str) -> None:
    images, labels = photographs(places[1] / name)
    (x, y), (x_test, y_test) = cifar10()
    np.testing.assert_array_equal(np.concatenate([x, x_test]), images)
    np.testing.assert_array_equal(np.concatenate([y, y_test]), labels)
    assert (x.dtype, y.dtype, len(x)) == (np.uint8, np.int64, 10)


def test_damaged_photographs(places: Any, tmp_path: Path) -> None:
    photographs(tmp_path / "c")
    file = tmp_path / "c" / "data_batch_3.bin"
    file.write_bytes(b"\x0b" + bytes(3072))
    with pytest.raises(DataError, match="holds the label 11; 0 to 9"):
        cifar10(tmp_path / "c")
    file.write_bytes(bytes(100))
    with pytest.raises(DataError, match="has 100 bytes, no multiple of 3,073"):
        cifar10(tmp_path / "c")
