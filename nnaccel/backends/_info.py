"""The facts printed by `nnaccel info`, as data."""

from __future__ import annotations

import platform
import sys
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from nnaccel import _config
from nnaccel.backends import BackendUnavailableError, backends, get_backend, reason_for_choice
from nnaccel_kernels.disk_cache import DiskCache, refusal

#: Libraries used at run time, by the name of their distribution.
LIBRARIES = (
    "numpy",
    "numba",
    "numba-cuda",
    "ml-dtypes",
    "scipy",
    "scikit-learn",
    "safetensors",
    "matplotlib",
)


def collect() -> dict[str, Any]:
    """Gather versions, threads, BLAS, the cache of kernels and the state of every backend.

    Returns
    -------
    dict
        Ready for JSON. ``backend`` is the name of the current one, or None if the requested one
        cannot run; ``why`` is the reason, or the error. ``backends`` is a list of dicts with the
        fields of `nnaccel.backends.BackendInfo`.

    Examples
    --------
    >>> facts = collect()
    >>> [row["name"] for row in facts["backends"]][:4]
    ['numpy', 'numba', 'cupy', 'torch']
    """
    rows = [asdict(row) for row in backends().values()]
    libraries = {name: version_of(name) for name in LIBRARIES}
    libraries["cupy"] = next(row["version"] for row in rows if row["name"] == "cupy")
    name, why = _in_force()
    return {
        "nnaccel": version_of("nnaccel") or "run from a checkout",
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": _config.num_threads(),
        "tf32": _config.tf32(),
        "blas": _blas(),
        "libraries": libraries,
        "backends": rows,
        "backend": name,
        "why": why,
        "kernel_cache": _kernel_cache(),
        "buffers": _buffers(),
    }


def _buffers() -> dict[str, int]:
    """Bytes of freed results kept for the next ones, and the most that are."""
    held = 0
    if "nnaccel_kernels.cpu" in sys.modules:  # else nothing has been computed
        held = sys.modules["nnaccel_kernels.cpu"].buffer_store().held
    return {"held": held, "limit": _config.buffer_bytes()}


def _kernel_cache() -> dict[str, Any]:
    """Folder of compiled kernels, its size in bytes, and the reason if it is not used."""
    root = _config.kernel_dir()
    cache = DiskCache(root)
    problem = cache.problem or (refusal(root) if root and root.exists() else "")
    return {"folder": str(cache.root or ""), "bytes": cache.size(), "problem": problem}


def _in_force() -> tuple[str | None, str]:
    """Name of the current backend and why; or None and the error."""
    try:
        return get_backend().name, reason_for_choice()
    except (ValueError, BackendUnavailableError) as error:
        return None, str(error)


def version_of(distribution: str) -> str:
    """Installed version; empty if it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _blas() -> str:
    """Name and version of NumPy's BLAS."""
    import numpy as np

    config: Any = np.show_config(mode="dicts")
    blas = config.get("Build Dependencies", {}).get("blas", {})
    return f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()
