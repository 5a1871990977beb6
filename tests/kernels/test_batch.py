"""Gathering the rows of a batch, from anything a data set may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnaccel.backends import to_numpy

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def gather(backend: Any, data: Any, order: Any, batch: int, size: int, scale: float, out: Any):  # type: ignore[no-untyped-def]
    rows = backend.empty(out[0], out[1])
    cursor = np.array([batch])
    backend.kernels.gather_rows(
        backend.asarray(data), backend.asarray(order), cursor, size, scale, rows
    )
    assert cursor[0] == batch
    return to_numpy(rows)


@dtypes
@pytest.mark.parametrize(
    "kind", [np.uint8, np.int8, np.uint16, np.int32, np.int64, np.float32, np.float64]
)
@settings(max_examples=10)
@given(
    shape=st.tuples(st.integers(1, 20), st.integers(1, 9)),
    size=st.integers(1, 7),
    seed=st.integers(0, 2**32 - 1),
)
def test_rows_in_order_scaled(
    backend: Any, dtype: Any, kind: Any, shape: tuple[int, int], size: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    data = rng.integers(-100, 100, shape).astype(kind)
    order = rng.permutation(shape[0])
    for batch in range(-(-shape[0] // size)):
        rows = order[batch * size : (batch + 1) * size]
        got = gather(backend, data, order, batch, size, 0.25, ((len(rows), shape[1]), dtype))
        np.testing.assert_array_equal(got, data[rows].astype(dtype) * dtype(0.25))


def test_pixels_become_fractions(backend: Any) -> None:
    data = np.arange(256, dtype=np.uint8)[:, None]
    got = gather(backend, data, np.arange(256), 0, 256, 1 / 255, ((256, 1), np.float32))
    np.testing.assert_array_equal(got[:, 0], np.arange(256, dtype=np.float32) * np.float32(1 / 255))
    assert got.max() == 1


def test_from_a_file(backend: Any, tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    np.arange(60, dtype=np.uint8).tofile(path)
    data = np.memmap(path, np.uint8, "r", shape=(20, 3))
    got = gather(backend, data, np.array([19, 0, 7]), 0, 3, 1.0, ((3, 3), np.float32))
    np.testing.assert_array_equal(got, [[57, 58, 59], [0, 1, 2], [21, 22, 23]])


@dtypes
@settings(max_examples=10)
@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=20), size=st.integers(1, 6))
def test_labels_become_one_hot_rows(backend: Any, dtype: Any, labels: list[int], size: int) -> None:
    order = np.arange(len(labels))[::-1].copy()
    size = min(size, len(labels))
    out, cursor = backend.empty((size, 5), dtype), np.array([len(labels) // size - 1])
    backend.kernels.gather_one_hot(
        backend.asarray(np.array(labels)), backend.asarray(order), cursor, size, out
    )
    rows = order[cursor[0] * size :][:size]
    np.testing.assert_array_equal(to_numpy(out), np.eye(5, dtype=dtype)[np.array(labels)[rows]])


@dtypes
@pytest.mark.parametrize("kind", [np.uint8, np.int64])
def test_maps_of_labels_become_a_row_for_each_pixel(backend: Any, dtype: Any, kind: Any) -> None:
    maps = np.random.default_rng(0).integers(0, 5, (7, 6)).astype(kind)
    order, cursor = np.array([3, 0, 6, 2, 1]), np.array([1])
    for rows in (3, 2):
        out = backend.empty((rows * 6, 5), dtype)
        backend.kernels.gather_one_hot(
            backend.asarray(maps), backend.asarray(order), cursor, 2, out
        )
        wanted = np.eye(5, dtype=dtype)[maps[order[2:][:rows]].reshape(-1)]
        np.testing.assert_array_equal(to_numpy(out), wanted)


def test_counters_advance(backend: Any) -> None:
    counter = np.array([2**40])
    backend.kernels.advance(counter)
    backend.kernels.advance(counter)
    assert counter.tolist() == [2**40 + 2]
