"""Fashion-MNIST and KMNIST, on small files of their form, and from mirrors on the loopback."""

from __future__ import annotations

import gzip
import hashlib
import importlib
from typing import Any

import pytest

from nnaccel.data import DataNotFoundError, fashion_mnist, kmnist, load_named

from .samples import assert_is, idx_bytes

module = importlib.import_module("nnaccel.data.mnist_like")
SETS = pytest.mark.parametrize(
    ("load", "name", "constant"),
    [(fashion_mnist, "fashion_mnist", "FASHION"), (kmnist, "kmnist", "KMNIST")],
)


@SETS
@pytest.mark.parametrize("gz", [False, True])
def test_files_in_a_folder_of_the_name(
    load: Any, name: str, constant: str, gz: bool, places: Any, put: Any, small_mnist: Any
) -> None:
    put(places[0] / name, gz=gz)
    assert_is(load(download=False), small_mnist)
    assert_is(load(places[0] / name), small_mnist)
    dataset = load_named(name, download=False)
    assert_is(dataset, small_mnist)
    assert len(set(dataset.classes)) == 10


@SETS
@pytest.mark.parametrize("folder", [".", "mnist"])
def test_mnist_is_not_taken_for_it(
    load: Any, name: str, constant: str, folder: str, places: Any, put: Any
) -> None:
    put(places[0] / folder)
    put(places[1] / folder)
    with pytest.raises(DataNotFoundError, match=f"the folder that holds them in a folder {name}"):
        load(download=False)


@SETS
def test_a_download_is_held_against_the_published_sums(
    load: Any,
    name: str,
    constant: str,
    places: Any,
    small_mnist: Any,
    serve: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blobs = {f"{n}.gz": gzip.compress(idx_bytes(a)) for n, a in small_mnist.items()}
    url = serve(lambda file: (200, blobs[file], len(blobs[file])))
    source = getattr(module, constant)
    monkeypatch.setattr(module, constant, source._replace(mirrors=[url]))
    with pytest.raises(DataNotFoundError, match="content is not what its checksum says"):
        load()
    sums = {n: "md5:" + hashlib.md5(blobs[f"{n}.gz"]).hexdigest() for n in small_mnist}
    monkeypatch.setattr(module, constant, source._replace(mirrors=[url], checksums=sums))
    assert_is(load(), small_mnist)
    monkeypatch.setattr(module, constant, source._replace(mirrors=[], checksums=sums))
    assert_is(load(), small_mnist)  # from the cache
    assert (places[1] / name / "t10k-labels-idx1-ubyte.gz").is_file()
