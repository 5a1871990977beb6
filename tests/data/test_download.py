"""MNIST from mirrors on the loopback: good, dead, lying, slow."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import socket
import time
from pathlib import Path

import pytest

from nnaccel.data import DataError, DataNotFoundError, mnist

from .samples import assert_is, idx_bytes

mnist_module = importlib.import_module("nnaccel.data.mnist")
download_module = importlib.import_module("nnaccel.data.download")


@pytest.fixture
def blobs(small_mnist, monkeypatch):
    """Gzipped files by name, whose checksums the module is made to expect."""
    contents = {name: idx_bytes(array) for name, array in small_mnist.items()}
    checksums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr(mnist_module, "CHECKSUMS", checksums)
    return {f"{name}.gz": gzip.compress(content) for name, content in contents.items()}


@pytest.fixture
def mirrors(monkeypatch):
    """Set the mirrors: `mirrors(url, …)`."""
    return lambda *urls: monkeypatch.setattr(mnist_module, "MIRRORS", urls)


def good(blobs):
    return lambda name: (200, blobs[name], len(blobs[name]))


def dead_url() -> str:
    """Address at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/"


def silent(name: str) -> tuple[int, bytes, None]:
    time.sleep(1.5)
    return 200, b"", None


BAD = {
    "404": (lambda blob: (404, b"gone", 4), "answered 404 Not Found"),
    "garbage": (lambda blob: (200, b"<html>hello</html>", 18), "content is not what its checksum"),
    "other data": (lambda blob: (200, gzip.compress(b"x"), None), "content is not what its"),
    "cut off": (lambda blob: (200, blob[:-50], len(blob)), "broke off"),
    "cut short": (lambda blob: (200, blob[:-50], None), "it is truncated"),
    "bit flip": (lambda blob: (200, blob[:-1] + b"\x7f", None), "it is damaged gzip data"),
    "endless": (lambda blob: (200, bytes(1 << 20), None), "does not end where it should"),
    "bomb": (lambda blob: (200, gzip.compress(bytes(4 << 20)), None), "inflates beyond"),
}


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_download_then_cache(places, blobs, mirrors, serve, small_mnist):
    mirrors(serve(good(blobs)), dead_url())
    assert_is(mnist(timeout=20), small_mnist)
    assert files_in(places[1]) == sorted(blobs)
    mirrors()  # from here on the cache must do
    assert_is(mnist(download=False), small_mnist)


def test_decompressed_by_the_way_is_fine(places, blobs, mirrors, serve, small_mnist):
    plain = {name: gzip.decompress(blob) for name, blob in blobs.items()}
    mirrors(serve(good(plain)))
    assert_is(mnist(timeout=20), small_mnist)


def test_dead_mirror_falls_to_the_next(places, blobs, mirrors, serve, small_mnist):
    mirrors(dead_url(), serve(good(blobs)))
    assert_is(mnist(timeout=20), small_mnist)


@pytest.mark.parametrize("case", BAD)
def test_bad_mirror(places, blobs, mirrors, serve, small_mnist, monkeypatch, case):
    monkeypatch.setattr(download_module, "MAX_DOWNLOAD", 1 << 19)
    answer, words = BAD[case]
    bad = serve(lambda name: answer(blobs[name]))
    mirrors(bad)
    with pytest.raises(DataNotFoundError, match=words) as caught:
        mnist(timeout=20)
    assert bad in str(caught.value)
    assert ".part" not in str(caught.value)
    assert files_in(places[1]) == []

    mirrors(bad, serve(good(blobs)))
    assert_is(mnist(timeout=20), small_mnist)
    assert files_in(places[1]) == sorted(blobs)


def test_second_mirror_goes_on_where_the_first_failed(places, blobs, mirrors, serve, small_mnist):
    asked = []

    def half(name):
        return (404, b"", 0) if "t10k-labels" in name else good(blobs)(name)

    def rest(name):
        asked.append(name)
        return good(blobs)(name)

    mirrors(serve(half), serve(rest))
    assert_is(mnist(timeout=20), small_mnist)
    assert asked == ["t10k-labels-idx1-ubyte.gz"]


def test_silent_mirror_leaves_time_for_the_next(places, blobs, mirrors, serve, small_mnist):
    mirrors(serve(silent), serve(good(blobs)))
    assert_is(mnist(timeout=1.0), small_mnist)


def test_timeout_is_named(places, blobs, mirrors, serve):
    mirrors(serve(silent))
    with pytest.raises(DataNotFoundError, match=r"too slow for the timeout of 0\.2 s"):
        mnist(timeout=0.2)
    with pytest.raises(DataNotFoundError, match="too slow"):
        mnist(timeout=0)


def test_deadline_holds_during_a_transfer(tmp_path):
    with download_module._Bounded(tmp_path / "a", 100, time.monotonic() - 1) as file:
        with pytest.raises(TimeoutError):
            file.write(b"too late")
        assert file.tell() == 0


def test_damaged_cache_is_mended(places, blobs, mirrors, serve, small_mnist):
    folder = places[1] / "mnist"
    folder.mkdir(parents=True)
    for name, blob in blobs.items():
        (folder / name).write_bytes(blob[:-20] if "images" in name else blob)
    with pytest.raises(DataError, match="truncated"):
        mnist(download=False)
    mirrors(dead_url())
    with pytest.raises(DataNotFoundError, match=r"truncated.*cannot be reached"):
        mnist(timeout=20)
    asked = []
    mirrors(serve(lambda name: asked.append(name) or good(blobs)(name)))
    assert_is(mnist(timeout=20), small_mnist)
    assert all("images" in name for name in asked)


def test_cache_that_cannot_be_written(places, blobs, mirrors, serve):
    places[1].write_text("a file where the folder should be")
    mirrors(serve(good(blobs)))
    with pytest.raises(DataError):
        mnist(timeout=20)
