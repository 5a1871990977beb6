"""Probes of each backend: whether it can run here, else the reason and the remedy."""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.util
import platform
import sys
from pathlib import Path

from nnaccel import _config
from nnaccel.backends._backend import BackendInfo
from nnaccel.backends._plugins import brief, probe_plugin


def probe(name: str) -> BackendInfo:
    """Return availability, device and version of the backend `name` on this machine."""
    built_in = {"numpy": _numpy, "numba": _numba, "cupy": _cupy}
    return built_in[name]() if name in built_in else probe_plugin(name)


def _numpy() -> BackendInfo:
    import numpy as np

    return BackendInfo("numpy", True, device=_processor(), version=np.__version__)


def _numba() -> BackendInfo:
    if importlib.util.find_spec("numba") is None:
        return BackendInfo("numba", False, "not installed", "pip install numba")
    try:
        version = str(importlib.import_module("numba").__version__)
        importlib.import_module("nnaccel_kernels.cpu")
    except Exception as error:
        reason = f"broken install: {brief(error)}"
        return BackendInfo("numba", False, reason, "pip install --force-reinstall numba numpy")
    threads = _config.num_threads()
    device = f"{_processor()}, {threads} thread{'s' if threads > 1 else ''}"
    return BackendInfo("numba", True, device=device, version=version)


def _cupy() -> BackendInfo:
    driver = _driver_version()
    install = _install(13 if driver is None or driver >= 13000 else 12)
    if importlib.util.find_spec("cupy") is None:
        return BackendInfo("cupy", False, "not installed", install)
    _config.find_cuda_toolkit()  # before anything looks for one
    try:
        cupy = importlib.import_module("cupy")
        version = str(cupy.__version__)
    except Exception as error:
        remedy = f"pip uninstall -y cupy cupy-cuda12x cupy-cuda13x && {install}"
        return BackendInfo("cupy", False, f"broken install: {brief(error)}", remedy)
    if driver is None:
        remedy = "install the NVIDIA driver, or choose NNACCEL_BACKEND=numba"
        return BackendInfo("cupy", False, "no driver", remedy, version=version)
    try:
        kernels = importlib.import_module("nnaccel_kernels.cuda")
    except Exception as error:
        remedy = f"{install} brings numba-cuda, whose compiler the kernels need"
        return BackendInfo("cupy", False, f"broken install: {brief(error)}", remedy, "", version)
    info = _cupy_device(cupy, version)
    try:
        if info.available:
            kernels.libnvvm()
    except FileNotFoundError as error:
        remedy = f"{install} brings it; or set CUDA_HOME to a CUDA toolkit"
        return BackendInfo("cupy", False, f"no compiler for kernels: {error}", remedy, "", version)
    return info


def _cupy_device(cupy: object, version: str) -> BackendInfo:
    """Probe the CUDA runtime for a device."""
    runtime = cupy.cuda.runtime  # type: ignore[attr-defined]
    try:
        count = runtime.getDeviceCount()
        if count:
            name = runtime.getDeviceProperties(runtime.getDevice())["name"].decode()
            return BackendInfo("cupy", True, device=name, version=version)
        reason = "no device"
    except Exception as error:
        text = str(error)
        old = "InsufficientDriver" in text
        none = "NoDevice" in text
        reason = "driver too old" if old else "no device" if none else f"broken: {brief(error)}"
    remedies = {
        "driver too old": "update the NVIDIA driver, or install CuPy for an older CUDA: "
        + _install(12),
        "no device": "check nvidia-smi and CUDA_VISIBLE_DEVICES, or choose NNACCEL_BACKEND=numba",
    }
    remedy = remedies.get(reason, "run `nvidia-smi` and reboot or reinstall the driver if it fails")
    return BackendInfo("cupy", False, reason, remedy, version=version)


def _install(cuda: int) -> str:
    """What installs CuPy and the compiler of kernels for a major version of CUDA."""
    return f"pip install 'cupy-cuda{cuda}x[ctk]' 'numba-cuda[cu{cuda}]' ml-dtypes"


def _driver_version() -> int | None:
    """CUDA version of the installed driver as 1000 * major + 10 * minor; None without a driver."""
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        cuda = ctypes.CDLL(library)
    except OSError:
        return None
    version = ctypes.c_int()
    return version.value if cuda.cuDriverGetVersion(ctypes.byref(version)) == 0 else None


@functools.cache
def _processor() -> str:
    """Name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
