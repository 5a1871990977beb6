"""PTX of kernels, cached on disk: compiling takes some tenths of a second a kernel."""

from __future__ import annotations

import hashlib
import re
import time
from typing import Any

from numba import cuda

from nnaccel_kernels import say_compiled
from nnaccel_kernels.cuda.runtime.toolkit import toolchain
from nnaccel_kernels.disk_cache import disk_cache
from nnaccel_kernels.fingerprint import fingerprint

_BYTES = {"8": 1, "16": 2, "32": 4, "64": 8}
_ENTRY = re.compile(r"\.entry\s+([\w$]+)\s*\((.*?)\)", re.DOTALL)


def ptx_of(kernel: Any, types: tuple[Any, ...], cc: tuple[int, int]) -> str:
    """Return a kernel's PTX for Numba types and a compute capability, from disk if it is there."""
    parts = [toolchain(), str(types), str(cc), *fingerprint(kernel.py_func)]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
    name = f"{kernel.py_func.__name__}-{digest}.ptx"
    kept = disk_cache().read(name)
    if kept is not None:
        return kept.decode()
    start = time.perf_counter()
    ptx, _ = cuda.compile_ptx(kernel.py_func, types, cc=cc)
    disk_cache().write(name, ptx.encode())
    say_compiled(kernel.py_func.__name__, time.perf_counter() - start)
    return str(ptx)


def entry(ptx: str) -> tuple[str, list[int]]:
    """Name of the kernel in a PTX text, and the size in bytes of each of its parameters."""
    found = _ENTRY.search(ptx)
    if found is None:
        raise ValueError("there is no kernel in this PTX")
    declared = re.findall(r"\.param \.[usfb](\d+) ", found[2])
    return found[1], [_BYTES[bits] for bits in declared]
