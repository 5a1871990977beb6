"""All-reduce between GPUs by NCCL, which CuPy brings."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnaccel.backends import Array
from nnaccel.training.communicator import Communicator


class NCCL:
    """NCCL's communicator of the current device, one device a rank.

    Its calls go to the current stream, so that they are captured with the rest of a step. No GPU
    has run this class yet: it follows CuPy's documentation, and is tested over a stand-in.

    Parameters
    ----------
    cupy : module
    comm : Communicator
        Of the same ranks, by which rank 0 tells the others the name of the clique.
    """

    def __init__(self, cupy: Any, comm: Communicator) -> None:
        self._cupy, nccl = cupy, cupy.cuda.nccl
        name = np.array(nccl.get_unique_id() if comm.rank == 0 else [], np.int64)
        clique = np.frombuffer(comm.broadcast(name.tobytes()), np.int64)
        self._comm = nccl.NcclCommunicator(comm.size, tuple(clique.tolist()), comm.rank)
        self._sum = nccl.NCCL_SUM
        self._kinds = {"f": nccl.NCCL_FLOAT32, "d": nccl.NCCL_FLOAT64}

    def all_reduce(self, array: Array) -> None:
        """Sum an array over the ranks, in place."""
        place, kind = array.data.ptr, self._kinds[array.dtype.char]
        self._comm.allReduce(place, place, array.size, kind, self._sum, self._stream())

    def all_gather(self, array: Array, gathered: Array) -> None:
        """Fill `gathered`, a row for each rank, with what all have."""
        kind = self._kinds[array.dtype.char]
        self._comm.allGather(array.data.ptr, gathered.data.ptr, array.size, kind, self._stream())

    def _stream(self) -> int:
        stream: int = self._cupy.cuda.get_current_stream().ptr
        return stream


def choose_device(cupy: Any, local_rank: int) -> None:
    """Make the device of this machine's rank `local_rank` the current one.

    Raises
    ------
    RuntimeError
        If there are fewer devices than ranks: NCCL takes one rank a device.
    """
    count = cupy.cuda.runtime.getDeviceCount()
    if local_rank >= count:
        raise RuntimeError(
            f"this machine has {count} GPU{'s' * (count != 1)}, and rank {local_rank} of those on "
            "it has none. To fix: start as many ranks as GPUs, or use backend='numba'"
        )
    cupy.cuda.Device(local_rank).use()
