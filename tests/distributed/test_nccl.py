"""The calls of NCCL, over a stand-in for CuPy's module whose devices are threads."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nnaccel.distributed._nccl import NCCL, choose_device

from .threads import Group

KINDS = {7: ctypes.c_float, 8: ctypes.c_double}
STREAM = 1234


def on_device(a: np.ndarray) -> Any:
    """What NCCL needs of a CuPy array."""
    return SimpleNamespace(data=SimpleNamespace(ptr=a.ctypes.data), size=a.size, dtype=a.dtype)


def stand_in(comm: Any) -> Any:
    """A cupy whose NCCL reads and writes at addresses, as the signatures of the real one say."""

    class NcclCommunicator:
        def __init__(self, ndev: int, commId: tuple[int, ...], rank: int) -> None:
            assert (ndev, rank, len(commId)) == (comm.size, comm.rank, 128)
            assert len(set(comm._group.exchange(rank, commId))) == 1

        def _every(self, sendbuf: int, count: int, datatype: int, stream: int) -> list[Any]:
            assert stream == STREAM
            own = (KINDS[datatype] * count).from_address(sendbuf)
            every: list[Any] = comm._group.exchange(comm.rank, np.array(own))
            return every

        def allReduce(  # noqa: N802
            self, sendbuf: int, recvbuf: int, count: int, datatype: int, op: int, stream: int
        ) -> None:
            assert op == 0
            total = sum(self._every(sendbuf, count, datatype, stream))
            (KINDS[datatype] * count).from_address(recvbuf)[:] = total.tolist()

        def allGather(  # noqa: N802
            self, sendbuf: int, recvbuf: int, count: int, datatype: int, stream: int
        ) -> None:
            every = np.concatenate(self._every(sendbuf, count, datatype, stream))
            (KINDS[datatype] * every.size).from_address(recvbuf)[:] = every.tolist()

    def get_unique_id() -> tuple[int, ...]:
        assert comm.rank == 0
        return tuple(range(-64, 64))

    nccl = SimpleNamespace(
        NcclCommunicator=NcclCommunicator,
        get_unique_id=get_unique_id,
        NCCL_SUM=0,
        NCCL_FLOAT32=7,
        NCCL_FLOAT64=8,
    )
    stream = SimpleNamespace(ptr=STREAM)
    return SimpleNamespace(cuda=SimpleNamespace(nccl=nccl, get_current_stream=lambda: stream))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ranks_sum_and_gather(dtype: Any) -> None:
    def run(comm: Any) -> tuple[np.ndarray, np.ndarray]:
        nccl = NCCL(stand_in(comm), comm)
        a = np.arange(5, dtype=dtype) + comm.rank
        gathered = np.zeros((3, 5), dtype)
        nccl.all_gather(on_device(a), on_device(gathered))
        nccl.all_reduce(on_device(a))
        return a, gathered

    parts = np.arange(5) + np.arange(3)[:, None]
    for total, gathered in Group(3, 3).run(run):
        np.testing.assert_array_equal(gathered, parts)
        np.testing.assert_array_equal(total, parts.sum(axis=0))


def test_a_rank_has_the_device_of_its_number() -> None:
    used: list[int] = []
    runtime = SimpleNamespace(getDeviceCount=lambda: 2)
    device = lambda number: SimpleNamespace(use=lambda: used.append(number))  # noqa: E731
    cupy = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime, Device=device))
    choose_device(cupy, 1)
    assert used == [1]
    with pytest.raises(RuntimeError, match="has 2 GPUs, and rank 2 of those on it has none"):
        choose_device(cupy, 2)
