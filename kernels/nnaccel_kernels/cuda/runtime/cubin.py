"""Machine code of kernels: PTX that nvJitLink has linked to a cubin, cached on disk.

A driver refuses PTX of a toolkit newer than itself, but loads any cubin of its major version. So
PTX is linked here, which needs no driver. Without nvJitLink the driver gets PTX that says it is of
the driver's own version: kernels use nothing newer than their architecture.
"""

from __future__ import annotations

import hashlib
import logging
import re

from nnaccel_kernels.disk_cache import disk_cache

_log = logging.getLogger("nnaccel")

_VERSION = re.compile(r"^\.version (\d+)\.(\d+)", re.MULTILINE)


def machine_code(name: str, ptx: str, cc: tuple[int, int], driver: int) -> bytes:
    """Return what the driver loads for a kernel: a cubin, or PTX where none can be made.

    Parameters
    ----------
    name : str
        What the kernel is called on disk.
    ptx : str
        Its PTX, which names the toolkit that made it.
    cc : tuple
        Compute capability of the device.
    driver : int
        CUDA's version that the driver supports: 13000 is 13.0.
    """
    digest = hashlib.sha256(f"{cc}\n{ptx}".encode()).hexdigest()[:32]
    file = f"{name}-{digest}.cubin"
    kept = disk_cache().read(file)
    if kept is not None:
        return kept
    try:
        cubin = link(ptx, cc)
    except Exception as error:
        _log.info("the driver compiles %s, since nvJitLink did not: %s", name, error)
        return for_driver(ptx, driver).encode()
    disk_cache().write(file, cubin)
    return cubin


def link(ptx: str, cc: tuple[int, int]) -> bytes:
    """Link PTX to a cubin for a compute capability.

    Raises
    ------
    ImportError, RuntimeError
        If nvJitLink is not installed, or refuses.
    """
    from cuda.bindings import nvjitlink

    data, handle = ptx.encode(), nvjitlink.create(1, [f"-arch=sm_{cc[0]}{cc[1]}"])
    try:
        nvjitlink.add_data(handle, nvjitlink.InputType.PTX, data, len(data), "kernel")
        nvjitlink.complete(handle)
        cubin = bytearray(nvjitlink.get_linked_cubin_size(handle))
        nvjitlink.get_linked_cubin(handle, cubin)
        return bytes(cubin)
    finally:
        nvjitlink.destroy(handle)


def for_driver(ptx: str, driver: int) -> str:
    """PTX with the version in its header lowered to the newest one that a driver takes."""
    newest = ptx_version(driver)
    return _VERSION.sub(
        lambda found: ".version {}.{}".format(*min(newest, (int(found[1]), int(found[2])))), ptx, 1
    )


def ptx_version(driver: int) -> tuple[int, int]:
    """Version of PTX that came with a version of CUDA: 13.n has 9.n, 12.n has 8.n up to 12.5."""
    major, minor = driver // 1000, driver % 1000 // 10
    skipped = major == 12 and minor > 5  # 12.6 brought no new one
    return major - 4, minor - skipped
