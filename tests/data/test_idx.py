"""IDX files: what is written comes back, and hostile ones are refused before they cost memory."""

from __future__ import annotations

import contextlib
import gzip
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from nnaccel.data import DataError, DataNotFoundError, read_idx

from .samples import header, idx_bytes

MIB = 1 << 20
arrays = npst.arrays(np.uint8, npst.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=6))


@given(array=arrays, zipped=st.booleans(), named_gz=st.booleans())
def test_round_trip(tmp_path_factory, array, zipped, named_gz):
    path = tmp_path_factory.mktemp("idx") / ("a.gz" if named_gz else "a")
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if zipped else content)
    back = read_idx(path)
    assert back.dtype == np.uint8
    assert back.flags.c_contiguous
    assert back.flags.writeable
    np.testing.assert_array_equal(back, array)


def test_several_gzip_members_are_one_stream(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(header(4) + b"ab") + gzip.compress(b"cd"))
    assert read_idx(path).tobytes() == b"abcd"


HOSTILE = {
    "empty": (b"", "is empty"),
    "short magic": (b"\0\0", "truncated: it ends inside the IDX header"),
    "short lengths": (header(3, ndim=2), "truncated: it ends inside the IDX header"),
    "not IDX": (b"<html>no such file</html>", "is not IDX"),
    "wrong type": (header(1, dtype=0x0D) + b"\0\0\0\0", "holds float32 (code 0x0d)"),
    "unknown type": (header(1, dtype=0x77) + b"\0", "an unknown type (code 0x77)"),
    "no dimensions": (header(ndim=0) + b"\0", "announces 0 dimensions"),
    "too many dimensions": (header(*[1] * 33) + b"\0", "announces 33 dimensions"),
    "truncated": (header(5) + b"\0" * 4, "announces 5 bytes"),
    "length too large": (header(2**29) + b"\0" * 4, "cannot hold"),
    "over the bound": (header(2**31) + b"\0" * 4, "more than the bound"),
    "overflow": (header(*[2**32 - 1] * 32), "more than the bound"),
    "overflow hidden by a zero": (header(2**32 - 1, 0, 2**32 - 1), "more than the bound"),
    "length too small": (header(3) + b"\0" * 4, "goes on after the 3 bytes"),
}


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_content(tmp_path, case, zipped):
    content, words = HOSTILE[case]
    path = tmp_path / "hostile"
    path.write_bytes(gzip.compress(content) if zipped else content)
    if case == "truncated" and zipped:
        words = "announces 5 bytes of data and holds 4"
    with pytest.raises(DataError, match=f"{re.escape(str(path))}.*{re.escape(words)}"):
        read_idx(path)


WHOLE = gzip.compress(header(3000) + np.random.default_rng(0).bytes(3000))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (WHOLE[:2000], "truncated: its gzip stream has no end"),
        (WHOLE[:-4], "truncated: its gzip stream has no end"),
        (WHOLE[:-8] + b"\xff" * 8, "damaged gzip data"),
        (WHOLE[:10] + b"\xff" * 500, "damaged gzip data"),
        (WHOLE + b"more", "damaged gzip data"),
        (b"\x1f\x8b", "truncated"),
        (b"PK not gzip at all", "neither gzip nor IDX"),
    ],
)
def test_broken_gzip(tmp_path, content, words):
    path = tmp_path / "images.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_idx(path)


@given(st.data())
def test_any_damage_is_a_data_error(tmp_path_factory, data):
    content = bytearray(data.draw(st.sampled_from([WHOLE, header(2, 3) + b"abcdef"])))
    for _ in range(data.draw(st.integers(1, 4))):
        where = data.draw(st.integers(0, len(content) - 1))
        content[where] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("idx") / "a"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(DataError):
        assert read_idx(path, max_bytes=MIB).size <= 3000


def peak_of(path: Path, **options: int) -> int:
    """Most bytes held at once while `path` is refused."""
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            read_idx(path, **options)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("announced", [1000, 48 * MIB])
def test_gzip_bomb_stays_within_its_announcement(tmp_path, announced):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(header(announced) + bytes(64 * MIB)))
    assert path.stat().st_size < MIB // 8
    assert peak_of(path) < announced + 2 * MIB


def test_bound_holds_before_anything_is_allocated(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(header(64 * MIB) + bytes(64 * MIB)))
    assert peak_of(path, max_bytes=MIB) < MIB


def test_small_file_cannot_claim_a_large_array(tmp_path):
    path = tmp_path / "liar.gz"
    path.write_bytes(gzip.compress(header(512 * MIB) + b"abc"))
    assert peak_of(path) < MIB


def test_dimensions_wanted(tmp_path):
    path = tmp_path / "labels"
    path.write_bytes(header(2) + b"ab")
    assert read_idx(path, ndim=1).shape == (2,)
    with pytest.raises(DataError, match=r"has 1 dimensions, .*; 3 were expected"):
        read_idx(path, ndim=3)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataNotFoundError, match="no such file"):
        read_idx(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "nowhere")
    with pytest.raises(DataError, match="not a regular file"):
        read_idx(tmp_path)
