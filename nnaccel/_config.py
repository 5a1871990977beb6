"""Settings from the environment; the only module that touches `os.environ`."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

_ON, _OFF = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


def backend_name() -> str:
    """Value of `NNACCEL_BACKEND`, as it was written; 'auto' if it is unset or blank."""
    return os.environ.get("NNACCEL_BACKEND", "").strip() or "auto"


def num_threads() -> int:
    """Threads for CPU kernels: `NNACCEL_NUM_THREADS`, at most the available processors.

    Without it `OMP_NUM_THREADS` is followed, by which joblib and Dask keep their workers apart.
    Processes that a launcher started on this machine share them, unless it gave each its own.
    """
    available, started = _processors(), launcher()
    told = _leading(os.environ.get("OMP_NUM_THREADS", ""))
    text = os.environ.get("NNACCEL_NUM_THREADS", "").strip()
    if text:
        return min(available, _whole_number("NNACCEL_NUM_THREADS", text))
    if told:
        return min(available, told)
    is_bound = sys.platform == "linux" and len(os.sched_getaffinity(0)) < (os.cpu_count() or 1)
    return available if started is None or is_bound else max(1, available // started.local_size)


class Launcher(NamedTuple):
    """What started this process beside others, by the variables it sets.

    Attributes
    ----------
    name : str
        'MPICH' (and MPIs that are made of it), 'Open MPI' or 'Slurm'.
    rank, size : int
        This process's number, and how many there are.
    local_rank, local_size : int
        The same among those on this machine.
    """

    name: str
    rank: int
    size: int
    local_rank: int
    local_size: int


_LAUNCHERS = (
    ("MPICH", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"),
    (
        "Open MPI",
        "OMPI_COMM_WORLD_RANK",
        "OMPI_COMM_WORLD_SIZE",
        "OMPI_COMM_WORLD_LOCAL_RANK",
        "OMPI_COMM_WORLD_LOCAL_SIZE",
    ),
    ("Slurm", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_TASKS_PER_NODE"),
)


def launcher() -> Launcher | None:
    """Return what started this process; None if nothing that is known did."""
    for name, *variables in _LAUNCHERS:
        rank, size, local_rank, local_size = (_leading(os.environ.get(v, "")) for v in variables)
        if rank is not None and size:
            return Launcher(name, rank, size, local_rank or 0, local_size or 1)
    return None


def _leading(text: str) -> int | None:
    """The whole number that a text begins with, as in Slurm's '4(x2)'; None if there is none."""
    digits = re.match(r"\d+", text)
    return int(digits[0]) if digits else None


def use_one_thread() -> None:
    """Let nnaccel, and libraries that are not loaded yet, use one thread in this process."""
    for name in ("NNACCEL_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def openmp_waits_asleep() -> bool:
    """Whether OpenMP's threads sleep between their calls: `OMP_WAIT_POLICY`."""
    return os.environ.get("OMP_WAIT_POLICY", "").strip().upper() == "PASSIVE"


def _processors() -> int:
    """Number of processors, by this process's affinity and its cgroup's quota."""
    if sys.platform != "linux":
        return os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0))
    quotas = (
        (Path("/sys/fs/cgroup/cpu.max"),),
        tuple(
            Path("/sys/fs/cgroup/cpu", name) for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        ),
    )
    for files in quotas:
        with contextlib.suppress(OSError, ValueError):
            quota, period = (int(n) for file in files for n in file.read_text("ascii").split())
            if quota > 0:
                return max(1, min(allowed, -(-quota // period)))
    return allowed


def data_dir() -> Path | None:
    """Folder searched first for data sets: `NNACCEL_DATA`."""
    text = os.environ.get("NNACCEL_DATA", "").strip()
    return Path(text).expanduser() if text else None


def cache_dir() -> Path:
    """Folder for downloads and compiled kernels: `NNACCEL_CACHE`, else the user's cache."""
    text = os.environ.get("NNACCEL_CACHE", "").strip()
    if text:
        return Path(text).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", "~/AppData/Local"))
    elif sys.platform == "darwin":
        base = Path("~/Library/Caches")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", "") or "~/.cache")
    return base.expanduser() / "nnaccel"


def kernel_dir() -> Path | None:
    """Folder for compiled kernels; None for a user without a home folder."""
    try:
        return cache_dir() / "kernels"
    except RuntimeError:  # neither NNACCEL_CACHE nor a home
        return None


def find_cuda_toolkit() -> None:
    """Set `CUDA_HOME`, where Numba looks for a compiler, if it is unset: to that of `nvcc`."""
    if os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH"):
        return
    nvcc = shutil.which("nvcc")
    if nvcc and (Path(nvcc).resolve().parents[1] / "nvvm").is_dir():
        os.environ["CUDA_HOME"] = str(Path(nvcc).resolve().parents[1])


def workspace_bytes(default: int) -> int:
    """Workspace limit of an op, in bytes: `NNACCEL_WORKSPACE_MB` times 2**20, else `default`."""
    text = os.environ.get("NNACCEL_WORKSPACE_MB", "").strip()
    return _whole_number("NNACCEL_WORKSPACE_MB", text, least=0) << 20 if text else default


def buffer_bytes() -> int:
    """Bytes of freed results to keep for the next ones: `NNACCEL_BUFFER_MB` times 2**20."""
    text = os.environ.get("NNACCEL_BUFFER_MB", "").strip()
    return _whole_number("NNACCEL_BUFFER_MB", text or "256", least=0) << 20


def tf32() -> bool:
    """Whether a GPU rounds the factors of float32 products to TF32: `NNACCEL_TF32`, else False."""
    text = os.environ.get("NNACCEL_TF32", "").strip().lower()
    if text not in (*_ON, *_OFF):
        raise ValueError(f"NNACCEL_TF32={text!r} must be 1 or 0")
    return text in _ON


def _whole_number(name: str, text: str, least: int = 1) -> int:
    """Integer of at least `least` in the text of the variable `name`."""
    if not text.isdecimal() or int(text) < least:
        raise ValueError(f"{name}={text!r} is not a whole number of at least {least}")
    return int(text)
