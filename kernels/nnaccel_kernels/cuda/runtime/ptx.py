"""PTX of kernels, cached on disk: compiling takes some tenths of a second a kernel."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import CodeType
from typing import Any

import numba
from numba import config, cuda

_BYTES = {"8": 1, "16": 2, "32": 4, "64": 8}
_ENTRY = re.compile(r"\.entry\s+([\w$]+)\s*\((.*?)\)", re.DOTALL)


def ptx_of(kernel: Any, types: tuple[Any, ...], cc: tuple[int, int]) -> str:
    """Return a kernel's PTX for Numba types and a compute capability, from disk if it is there."""
    parts = [toolchain(), str(types), str(cc), *fingerprint(kernel.py_func)]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
    path = folder() / f"{kernel.py_func.__name__}-{digest}.ptx"
    with contextlib.suppress(OSError):
        return path.read_text()
    ptx, _ = cuda.compile_ptx(kernel.py_func, types, cc=cc)
    with contextlib.suppress(OSError):
        write(path, ptx)
    return str(ptx)


def entry(ptx: str) -> tuple[str, list[int]]:
    """Name of the kernel in a PTX text, and the size in bytes of each of its parameters."""
    found = _ENTRY.search(ptx)
    if found is None:
        raise ValueError("there is no kernel in this PTX")
    declared = re.findall(r"\.param \.[usfb](\d+) ", found[2])
    return found[1], [_BYTES[bits] for bits in declared]


def fingerprint(function: Any) -> Iterator[str]:
    """Yield a text for all that a function is made of: its code, and what it closes over."""
    yield from _code(function.__code__)
    for cell in function.__closure__ or ():
        yield from _closed_over(cell.cell_contents)


def _code(code: CodeType) -> Iterator[str]:
    yield f"{code.co_name} {code.co_code.hex()} {code.co_names}"
    for constant in code.co_consts:
        yield from _code(constant) if isinstance(constant, CodeType) else [repr(constant)]


def _closed_over(value: Any) -> Iterator[str]:
    if hasattr(value, "py_func"):
        yield from fingerprint(value.py_func)
    elif isinstance(value, tuple):
        for item in value:
            yield from _closed_over(item)
    else:
        yield repr(value)


@cache
def toolchain() -> str:
    """Versions, and a hash of the sources: kernels call device functions by name."""
    digest, here = hashlib.sha256(), Path(__file__).parent
    for path in (*sorted(here.parent.glob("*.py")), *sorted(here.glob("*.py"))):
        digest.update(path.read_bytes())
    with contextlib.suppress(PackageNotFoundError):
        return f"{digest.hexdigest()} {sys.version} {numba.__version__} {version('numba-cuda')}"
    return f"{digest.hexdigest()} {sys.version} {numba.__version__}"


def folder() -> Path:
    """Numba's cache folder, or one beside these sources."""
    return Path(config.CACHE_DIR or Path(__file__).parent / "__pycache__")


def write(path: Path, text: str) -> None:
    """Write to a file beside and rename it, so that no reader sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    os.replace(temporary, path)
