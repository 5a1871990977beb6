"""MNIST: where it is looked for, and what is refused."""

from __future__ import annotations

import hashlib
import importlib
import re

import numpy as np
import pytest

from nnaccel.data import DataError, DataNotFoundError, load_named, mnist

from .samples import assert_is, idx_bytes

mnist_module = importlib.import_module("nnaccel.data.mnist")


def test_real_mnist(real_mnist):
    (x, y), (x_test, y_test) = real_mnist
    assert (x.shape, x_test.shape) == ((60000, 28, 28), (10000, 28, 28))
    assert y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert np.bincount(y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    digest = hashlib.sha256(bytes([0, 0, 8, 3, 0, 0, 39, 16, 0, 0, 0, 28, 0, 0, 0, 28]))
    digest.update(x_test)
    assert digest.hexdigest() == mnist_module.CHECKSUMS["t10k-images-idx3-ubyte"]


@pytest.mark.parametrize("dot", [False, True])
@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("sub", ["", "mnist"])
@pytest.mark.parametrize("where", ["path", "data", "cache"])
def test_places_and_spellings(places, put, small_mnist, tmp_path, where, sub, gz, dot):
    folder = {"path": tmp_path / "mine", "data": places[0], "cache": places[1]}[where]
    put(folder / sub, gz=gz, dot=dot)
    assert_is(mnist(folder if where == "path" else None, download=False), small_mnist)


@pytest.mark.parametrize("where", ["file", "folder", "data"])
def test_npz(places, small_mnist, where):
    path = places[0] / "mnist.npz"
    keys = ("x_train", "y_train", "x_test", "y_test")
    np.savez_compressed(path, **dict(zip(keys, small_mnist.values(), strict=True)))
    source = {"file": path, "folder": places[0], "data": None}[where]
    assert_is(mnist(source, download=False), small_mnist)


def test_data_dir_comes_before_the_cache(places, put, small_mnist):
    put(places[0])
    (places[1] / "mnist").mkdir(parents=True)
    (places[1] / "mnist" / "mnist.npz").write_bytes(b"never opened")
    assert_is(mnist(download=False), small_mnist)


def test_nowhere_names_every_place_and_the_remedy(places, put):
    put(places[0])
    (places[0] / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataNotFoundError) as caught:
        mnist(download=False)
    message = str(caught.value)
    assert f"{places[0]}: lacks t10k-labels-idx1-ubyte" in message
    assert f"{places[1]}: no such folder" in message
    assert "downloading was not allowed" in message
    assert "set NNACCEL_DATA" in message


def test_explicit_path_is_the_only_place(places, put, tmp_path):
    put(places[0])
    with pytest.raises(DataNotFoundError, match=r"elsewhere: no such folder; wanted are train-"):
        mnist(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("t10k-labels-idx1-ubyte", np.zeros(9, np.uint8), "not a label for each of the images"),
        ("t10k-labels-idx1-ubyte", np.full(10, 10, np.uint8), "holds the label 10"),
        ("t10k-labels-idx1-ubyte", np.zeros((10, 1), np.uint8), "has 2 dimensions"),
        ("train-images-idx3-ubyte", np.zeros((30, 28, 27), np.uint8), r"\(N, 28, 28\)"),
        ("train-images-idx3-ubyte", np.zeros((0, 28, 28), np.uint8), r"\(N, 28, 28\)"),
    ],
)
def test_files_that_do_not_agree(places, put, name, array, words):
    put(places[0])
    path = places[0] / name
    path.write_bytes(idx_bytes(array))
    with pytest.raises(DataError, match=f"{re.escape(str(path))}.*{words}"):
        mnist(download=False)


def test_npz_of_floats_is_refused(tmp_path):
    x, y = np.zeros((3, 28, 28)), np.zeros(3, int)
    np.savez(tmp_path / "mnist.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    with pytest.raises(DataError, match="x_train is float64"):
        mnist(tmp_path)


def test_load_named(places, put, small_mnist):
    put(places[0])
    dataset = load_named(" MNIST ", download=False)
    assert_is(dataset, small_mnist)
    assert dataset.classes == tuple("0123456789")
