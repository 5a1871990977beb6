"""Kernels as PTX, which is kept on disk: compiling takes some tenths of a second a kernel."""

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
    """Compile a kernel for Numba types and a compute capability, or find it on disk."""
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
    """Name of the kernel in some PTX, and the bytes of each number that it takes."""
    found = _ENTRY.search(ptx)
    if found is None:
        raise ValueError("there is no kernel in this PTX")
    declared = re.findall(r"\.param \.[usfb](\d+) ", found[2])
    return found[1], [_BYTES[bits] for bits in declared]


def fingerprint(function: Any) -> Iterator[str]:
    """Tell what a kernel's function is made of: its code, and all that it closes over."""
    yield from _code(function.__code__)
    for cell in function.__closure__ or ():
        yield from _held(cell.cell_contents)


def _code(code: CodeType) -> Iterator[str]:
    yield f"{code.co_name} {code.co_code.hex()} {code.co_names}"
    for constant in code.co_consts:
        yield from _code(constant) if isinstance(constant, CodeType) else [repr(constant)]


def _held(value: Any) -> Iterator[str]:
    if hasattr(value, "py_func"):
        yield from fingerprint(value.py_func)
    elif isinstance(value, tuple):
        for each in value:
            yield from _held(each)
    else:
        yield repr(value)


@cache
def toolchain() -> str:
    """What else decides the PTX: Numba, and our sources, for what kernels call by name."""
    digest, here = hashlib.sha256(), Path(__file__).parent
    for path in (*sorted(here.parent.glob("*.py")), *sorted(here.glob("*.py"))):
        digest.update(path.read_bytes())
    with contextlib.suppress(PackageNotFoundError):
        return f"{digest.hexdigest()} {sys.version} {numba.__version__} {version('numba-cuda')}"
    return f"{digest.hexdigest()} {sys.version} {numba.__version__}"


def folder() -> Path:
    """Where Numba keeps what it compiled, else beside these sources."""
    return Path(config.CACHE_DIR or Path(__file__).parent / "__pycache__")


def write(path: Path, text: str) -> None:
    """Write beside and rename, so that nobody reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    os.replace(beside, path)
