"""Which build of the kernels this is: the name of what decides the code that they compile to."""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import nnaccel_kernels

# Numba's settings that machine code depends on.
_SETTINGS = (
    "CPU_NAME",
    "CPU_FEATURES",
    "ENABLE_AVX",
    "USING_SVML",
    "OPT",
    "LOOP_VECTORIZE",
    "SLP_VECTORIZE",
    "BOUNDSCHECK",
    "DEBUGINFO_DEFAULT",
)


@functools.cache
def build_id() -> str:
    """Return hex digits that change with whatever compiled code depends on.

    That is the content of the kernels' sources, the versions of Numba, llvmlite, NumPy and Python,
    Numba's settings, and the processor. Empty if the sources are not there to be read, or were
    edited between their import and now: nobody knows then what compiled code belongs to.
    """
    import llvmlite
    import llvmlite.binding as llvm
    import numba
    import numpy as np
    from numba.core.codegen import get_host_cpu_features

    if not _SOURCES:
        return ""
    settings = (getattr(numba.config, name, None) for name in _SETTINGS)
    parts = (
        _SOURCES,
        *(numba.__version__, llvmlite.__version__, np.__version__, sys.version),
        *(llvm.get_process_triple(), llvm.get_host_cpu_name(), get_host_cpu_features()),
        *map(repr, settings),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def digest_of(root: Path, imported: float) -> str:
    """Hash all Python files under a folder; empty if there are none or one is newer than that."""
    digest, count = hashlib.sha256(), 0
    for path in _python_files(str(root)):
        with open(path, "rb", buffering=0) as file:
            if os.fstat(file.fileno()).st_mtime > imported:
                return ""
            content = file.read()
        digest.update(f"{os.path.relpath(path, root)} {len(content)} ".encode() + content)
        count += 1
    return digest.hexdigest() if count else ""


def _python_files(folder: str) -> Iterator[str]:
    """All of them, in an order that is the same everywhere; a third of the time of `rglob`."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:  # inside a zip archive, say
        return
    for entry in entries:
        if entry.is_dir():
            yield from _python_files(entry.path)
        elif entry.name.endswith(".py"):
            yield entry.path


# Read as the first of the kernels is imported, lest an edit be taken for what was compiled.
_SOURCES = digest_of(Path(__file__).parent, nnaccel_kernels.IMPORTED)
