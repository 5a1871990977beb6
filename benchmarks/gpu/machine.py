"""Which GPU this is, and what drives it."""

from __future__ import annotations

import gc
import subprocess
import sys
from importlib import metadata
from typing import Any

LIBRARIES = (
    "cupy-cuda12x",
    "cupy-cuda13x",
    "numba-cuda",
    "numba",
    "numpy",
    "torch",
    "cuda-bindings",
    "nvidia-cublas",
    "nvidia-cublas-cu12",
)


def describe() -> dict[str, Any]:
    """The GPU's name, its driver, CUDA's versions, and those of the libraries."""
    import cupy

    runtime = cupy.cuda.runtime
    properties = runtime.getDeviceProperties(runtime.getDevice())
    return {
        "name": properties["name"].decode(),
        "compute_capability": f"{properties['major']}.{properties['minor']}",
        "memory_gb": round(properties["totalGlobalMem"] / 1e9, 1),
        "multiprocessors": properties["multiProcessorCount"],
        "driver": driver(),
        "driver_cuda": cuda_version(runtime.driverGetVersion()),
        "runtime_cuda": cuda_version(runtime.runtimeGetVersion()),
        "libraries": versions(),
    }


def cuda_version(number: int) -> str:
    """CUDA's version from its number: 13000 is 13.0."""
    return f"{number // 1000}.{number % 1000 // 10}"


def driver() -> str | None:
    """The driver's version, as nvidia-smi tells it; None without that program."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.split("\n")[0].strip() or None


def versions() -> dict[str, str]:
    """Versions of the libraries that are installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def answers() -> bool:
    """Whether the device still works in this process: a kernel that went astray ends that."""
    import cupy

    try:
        cupy.cuda.runtime.deviceSynchronize()
    except cupy.cuda.runtime.CUDARuntimeError:
        return False
    return True


def free_memory() -> None:
    """Give back what the libraries hold on to, for the next benchmark."""
    gc.collect()
    if "cupy" in sys.modules:
        sys.modules["cupy"].get_default_memory_pool().free_all_blocks()
    if "torch" in sys.modules:
        sys.modules["torch"].cuda.empty_cache()
