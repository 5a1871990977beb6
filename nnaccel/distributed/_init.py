"""The start: which launcher runs, and whether the MPI of Python belongs to it."""

from __future__ import annotations

import functools
import sys
from typing import Any

from nnaccel import _config
from nnaccel.backends import get_backend
from nnaccel.distributed._nccl import choose_device
from nnaccel.training.communicator import Alone, Communicator

#: Parts of a batch where a training is to have the same bits on any number of ranks.
SHARDS = 8

_INSTALL = "pip install mpi4py mpich, and start with that MPICH's mpiexec"


def init(*, deterministic: bool = False) -> Communicator:
    """Join the processes that a launcher started: `mpiexec` of MPICH or Open MPI, or Slurm's srun.

    Without a launcher the process is alone, and nothing is imported.

    Parameters
    ----------
    deterministic : bool, default False
        Whether a training is to give the same bits on 1, 2, 4 and 8 ranks. Each batch is then
        computed in eight parts whose gradients are summed along a fixed tree, which takes longer:
        docs/scaling.md says how much. Otherwise results on different numbers of ranks agree to
        rounding.

    Returns
    -------
    Communicator
        For `Sequential.fit`; with ``rank`` and ``size``.

    Raises
    ------
    ModuleNotFoundError
        If there are other processes, but no mpi4py.
    RuntimeError
        If mpi4py belongs to another MPI than the launcher, so that each process thinks it is alone.
    ValueError
        If `deterministic` is asked of another number of ranks.

    Examples
    --------
    >>> comm = init()
    >>> comm.rank, comm.size
    (0, 1)
    """
    launcher = _config.launcher()
    if launcher is None or launcher.size == 1:
        return Alone(SHARDS if deterministic else 1)
    if deterministic and SHARDS % launcher.size:
        raise ValueError(
            f"deterministic=True needs 1, 2, 4 or {SHARDS} ranks, and {launcher.name} started "
            f"{launcher.size}"
        )
    return _join(launcher, SHARDS if deterministic else launcher.size)


@functools.cache
def _join(launcher: _config.Launcher, shards: int) -> Communicator:
    """Return the communicator of the processes of a launcher; one for each number of shards."""
    from nnaccel.distributed._mpi import MPICommunicator

    backend = get_backend()
    if backend.name == "cupy":
        choose_device(backend.xp, launcher.local_rank)
    return MPICommunicator(_import_mpi(launcher), shards)


def _import_mpi(launcher: _config.Launcher) -> Any:
    """Return `mpi4py.MPI`, of the launcher's MPI."""
    started = f"{launcher.name} started {launcher.size} processes"
    try:
        from mpi4py import MPI
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{started}, but mpi4py is not here. To fix: {_INSTALL}"
        ) from error
    except (ImportError, RuntimeError) as error:
        raise RuntimeError(
            f"{started}, but mpi4py cannot load an MPI ({error}). To fix: {_INSTALL}"
        ) from error
    if MPI.COMM_WORLD.size != launcher.size:
        library = MPI.Get_library_version().split("\n")[0].strip("\0 ")
        raise RuntimeError(
            f"{started}, but mpi4py in {sys.prefix} runs on {library!r}, for which this process is "
            f"{MPI.COMM_WORLD.size} of its own: mpi4py was built for another MPI than the "
            f"launcher's. To fix: {_INSTALL}; or install mpi4py for the launcher's MPI: pip "
            "install --no-binary mpi4py mpi4py"
        )
    return MPI
