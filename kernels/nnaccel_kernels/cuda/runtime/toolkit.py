"""The compiler of kernels, libNVVM of the CUDA toolkit: where it is, and which one it is."""

from __future__ import annotations

import contextlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def libnvvm() -> Path:
    """Return the path of libNVVM, as Numba finds it.

    Raises
    ------
    FileNotFoundError
        If Numba does not find it, or not the mathematical functions that belong to it.
    """
    from numba.cuda.cudadrv.libs import get_cudalib, get_libdevice

    try:
        found, functions = get_cudalib("nvvm"), get_libdevice()
    except Exception as error:  # a finder's own errors, of many lines
        raise FileNotFoundError(str(error).partition("\n")[0]) from error
    if not Path(found).is_file():
        raise FileNotFoundError("libNVVM is not installed")
    if not functions:
        raise FileNotFoundError(f"{found} has no libdevice beside it")
    return Path(found)


@cache
def toolchain() -> str:
    """What decides the PTX besides the build: numba-cuda, and the file that libNVVM is.

    libNVVM's own version number is the same for years, so its size and date tell releases apart.
    """
    parts = ["Numba's own", "no libNVVM"]
    with contextlib.suppress(PackageNotFoundError):
        parts[0] = version("numba-cuda")
    with contextlib.suppress(FileNotFoundError):
        file = libnvvm().resolve()
        parts[1] = f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}"
    return " ".join(parts)
