"""What of NVIDIA's is installed: compilers and libraries that need no driver."""

from __future__ import annotations

import importlib.util


def has(package: str) -> bool:
    """Whether a package is installed."""
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # not even its parent
        return False


#: Numba's own CUDA target finds these where a test lays them out as a toolkit.
LIBNVVM = has("nvidia.cuda_nvcc") and has("nvidia.cuda_runtime")
WITHOUT_LIBNVVM = "needs the wheels nvidia-cuda-nvcc-cu12 and nvidia-cuda-runtime-cu12"
