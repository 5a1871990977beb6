"""A description of this machine, with its measured peak speeds."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from nnaccel import _config
from nnaccel.bench.timing import is_cpu_time

LIBRARIES = ("nnaccel", "numpy", "numba", "llvmlite", "scipy", "scikit-learn", "torch", "jax")


@dataclass(frozen=True)
class Machine:
    """A description to print beside a measurement, with measured peak speeds."""

    cpu: str
    cores: int
    vector_bits: int
    caches: dict[str, str]
    system: str
    python: str
    libraries: dict[str, str]
    blas: list[str]
    load: float | None
    gflops_one_thread: float
    gflops: float
    copy_gb_per_s: float
    cpu_time: bool = False

    @property
    def named_cores(self) -> str:
        """How many cores take part, in words."""
        return f"{self.cores} core{'s' if self.cores > 1 else ''}"

    def __str__(self) -> str:
        """The machine, its peak speeds, and a warning if other programs keep it busy."""
        busy = self.load is not None and self.load > 2 * self.cores and not self.cpu_time
        return (
            f"{self.cpu}, {self.named_cores}, vectors of {self.vector_bits} bits, {self.system}, "
            f"Python {self.python}\n"
            f"peak {self.gflops:.0f} GFLOP/s float32 multiply-add ({self.gflops_one_thread:.0f} on "
            f"one thread), copies {self.copy_gb_per_s:.1f} GB/s"
            + "\nprocessor time, one thread a library" * self.cpu_time
            + (f"\nothers are busy here, load {self.load:.1f}: trust no ratio" if busy else "")
        )


def measure_machine() -> Machine:
    """Describe this machine and measure its peak speeds; takes about two seconds.

    Returns
    -------
    Machine
        `gflops` counts float32 operations, two to a multiply-add, on every thread the backend
        may use; `copy_gb_per_s` counts bytes read plus bytes written.

    Examples
    --------
    >>> machine = measure_machine()
    >>> machine.gflops > 0
    True
    """
    from nnaccel_kernels.cpu.vector.simd import VECTOR_BYTES

    threads = _config.num_threads()
    return Machine(
        cpu=_cpu_name(),
        cores=threads,
        vector_bits=8 * VECTOR_BYTES,
        caches=_caches(),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        libraries=_library_versions(),
        blas=_blas(),
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        gflops_one_thread=measure_gflops(1),
        gflops=measure_gflops(threads),
        copy_gb_per_s=measure_copy(),
        cpu_time=is_cpu_time(),
    )


def measure_gflops(threads: int, repeats: int = 200) -> float:
    """Multiply-add peak of `threads` threads in GFLOP/s (float32): the best of several runs.

    Examples
    --------
    >>> measure_gflops(threads=1) > 0
    True
    """
    from nnaccel_kernels.cpu.peak import FLOPS_PER_ROUND, multiply_adds

    rounds = 2_000_000  # about 4 ms: short enough to run undisturbed
    flops = FLOPS_PER_ROUND * rounds * threads
    with ThreadPoolExecutor(threads) as pool:

        def run() -> None:
            list(pool.map(multiply_adds, [np.float32(0.5)] * threads, [rounds] * threads))

        return flops / _best_seconds(run, repeats) / 1e9


def measure_copy(mebibytes: int = 64, repeats: int = 5) -> float:
    """Bandwidth of a large copy in GB/s, reading and writing counted: the best of several runs.

    Examples
    --------
    >>> measure_copy(mebibytes=1) > 0
    True
    """
    source = np.ones(mebibytes << 18, np.float32)
    target = np.zeros_like(source)
    return 2 * source.nbytes / _best_seconds(lambda: np.copyto(target, source), repeats) / 1e9


def _best_seconds(run: Callable[[], object], repeats: int) -> float:
    """Shortest of several calls, the one that was disturbed least."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _cpu_name() -> str:
    """The processor's marketing name if the system provides it, else its architecture."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _caches() -> dict[str, str]:
    """Sizes of the first core's caches, such as {"L1 Data": "32K", "L2": "512K"}; Linux only."""
    found = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((index / f).read_text().strip() for f in ("level", "type", "size"))
        found[f"L{level}" if kind == "Unified" else f"L{level} {kind}"] = size
    return found


def _library_versions() -> dict[str, str]:
    """Versions of the installed libraries."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _blas() -> list[str]:
    """The linear-algebra and threading libraries loaded so far, with their thread counts."""
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    return sorted(
        {
            f"{i['internal_api']} {i['version']}, {i['num_threads']} threads"
            for i in threadpool_info()
        }
    )
