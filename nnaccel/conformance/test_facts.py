"""What a backend says of itself, and the manners of its arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnaccel.backends import Backend, backends, home_of

DTYPES = ["float32", "float64", "int64", "uint8", "uint64", "bool"]


@pytest.fixture
def matrix(backend: Backend) -> Any:
    """Return the numbers 0 to 11 in three rows."""
    return backend.asarray(np.arange(12, dtype=np.float32).reshape(3, 4))


def test_it_is_known_and_available(backend: Backend) -> None:
    root = backend.name.partition(":")[0]
    info = backends()[root]
    assert info.available, info.reason
    assert isinstance(backend.device, str)
    assert backend.device
    assert backend.workspace >= 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4, 5)])
def test_arrays_go_there_and_back(backend: Backend, dtype: str, shape: tuple[int, ...]) -> None:
    sent = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    array = backend.asarray(sent)
    assert array.dtype == np.dtype(dtype)
    assert array.shape == shape
    assert (array.ndim, array.size, array.nbytes) == (sent.ndim, sent.size, sent.nbytes)
    back = backend.to_numpy(array)
    assert type(back) is np.ndarray
    assert back.dtype == sent.dtype
    np.testing.assert_array_equal(back, sent)


def test_lists_and_strided_arrays_are_taken(backend: Backend) -> None:
    square = np.arange(16, dtype=np.float64).reshape(4, 4)
    for view in (square[::2, 1:], square.T, square[::-1]):
        np.testing.assert_array_equal(backend.to_numpy(backend.asarray(view)), view)
    array = backend.asarray([[1, 2], [3, 4]], dtype=np.float32)
    assert array.dtype == np.float32
    np.testing.assert_array_equal(backend.to_numpy(array), [[1, 2], [3, 4]])
    backend.asarray(array)[0, 0] = 9
    assert backend.to_numpy(array)[0, 0] == 9, "an array that is there already is not copied"


def test_arrays_say_whose_they_are(backend: Backend, matrix: Any) -> None:
    assert backend.on_host == isinstance(matrix, np.ndarray)
    if not backend.on_host:
        assert home_of(matrix) == backend.name
        taken = matrix.get()
        taken[...] = -1
        assert backend.to_numpy(matrix)[0, 1] == 1, "get() returns a copy"


@pytest.mark.parametrize("dtype", DTYPES)
def test_empty_arrays_can_be_filled(backend: Backend, dtype: str) -> None:
    array = backend.empty((5, 3), dtype)
    assert (array.shape, array.dtype) == ((5, 3), np.dtype(dtype))
    assert array.flags.c_contiguous
    array[...] = 1
    array[2:4] = backend.asarray(np.zeros((2, 3), dtype))
    want = np.ones((5, 3), dtype)
    want[2:4] = 0
    np.testing.assert_array_equal(backend.to_numpy(array), want)


def test_a_copy_is_another_array(backend: Backend, matrix: Any) -> None:
    copied = backend.copy(matrix)
    copied[0] = 99
    assert backend.to_numpy(matrix)[0, 0] == 0


def test_arrays_have_manners(backend: Backend, matrix: Any) -> None:
    host = backend.to_numpy(matrix).copy()
    for ours, wanted in (
        (matrix.T, host.T),
        (matrix.reshape(2, 6), host.reshape(2, 6)),
        (matrix.transpose(1, 0), host.transpose(1, 0)),
        (matrix.astype(np.int64), host.astype(np.int64)),
        (matrix[1:, ::2], host[1:, ::2]),
        (2 * matrix - matrix / 4, 2 * host - host / 4),
        (matrix > 5, host > 5),
        (backend.xp.sqrt(matrix), np.sqrt(host)),
        (backend.xp.sum(matrix, axis=0), host.sum(axis=0)),
    ):
        assert ours.dtype == wanted.dtype
        np.testing.assert_array_equal(backend.to_numpy(ours), wanted)
    matrix[:, 1] = 0
    part = matrix[1:]
    part += 1
    host[:, 1] = 0
    host[1:] += 1
    np.testing.assert_array_equal(backend.to_numpy(matrix), host, "slices share memory")


def test_a_recorded_step_is_repeated(backend: Backend) -> None:
    counter = backend.asarray(np.array([3]))
    seen: list[int] = []

    def step() -> None:
        backend.kernels.advance(counter)
        backend.host(lambda: seen.append(int(backend.to_numpy(counter)[0])))

    replay = backend.record(step)
    assert int(backend.to_numpy(counter)[0]) == 3, "recording runs nothing"
    replay(2)
    replay(1)
    backend.synchronize()
    assert int(backend.to_numpy(counter)[0]) == 6
    assert seen == [4, 5, 6], "a host row runs in its turn, at every replay"
    assert not backend.recording()


def test_small_data_has_room(backend: Backend) -> None:
    assert backend.has_room(1 << 10)
