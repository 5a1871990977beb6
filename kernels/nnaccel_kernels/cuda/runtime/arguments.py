"""Kernel arguments: as Numba's compiler types them, and as the numbers a launch passes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import config, cuda

from nnaccel_kernels.half import is_half, wide


def on_device(value: Any) -> Any:
    """CuPy arrays as Numba arrays, without the stream synchronisation that Numba would add."""
    if isinstance(value, tuple):
        mapped = map(on_device, value)
        return type(value)(*mapped) if hasattr(value, "_fields") else tuple(mapped)
    if hasattr(value, "__cuda_array_interface__"):
        if is_half(value.dtype):
            # It extends Numba, so it is imported only where needed.
            from nnaccel_kernels.cuda.runtime.half import half_array

            return half_array(value)
        return cuda.as_cuda_array(value, sync=False)
    if isinstance(value, np.ndarray) and config.ENABLE_CUDASIM:
        return SimulatedHalfArray(value) if is_half(value.dtype) else _simulated(value)
    return value


class SimulatedHalfArray:
    """A 16-bit array as a simulated kernel sees it: items are float32."""

    def __init__(self, array: np.ndarray) -> None:
        self._array, self.dtype = array, wide(array.dtype)
        self.shape, self.strides, self.size = array.shape, array.strides, array.size

    def __getitem__(self, index: Any) -> Any:
        return self.dtype.type(self._array[index])

    def __setitem__(self, index: Any, value: Any) -> None:
        self._array[index] = self.dtype.type(value)


def _simulated(array: np.ndarray) -> Any:
    """An array that the simulator uses in place; it copies NumPy's, and only contiguous ones."""
    from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray

    return FakeCUDAArray(array)


def flatten(value: Any, numbers: list[Any], kinds: list[Any]) -> None:
    """Append the numbers that a compiled kernel takes for a value, and a key to their types.

    Numba passes an array as two pointers (unused here), its size, the size of an item, its address,
    its shape and its strides.
    """
    if isinstance(value, tuple):
        kinds.append(type(value))
        for item in value:
            flatten(item, numbers, kinds)
        kinds.append(None)
    elif hasattr(value, "strides") and value.ndim:
        flags = value.flags
        kinds += (value.dtype.char, value.ndim, flags.c_contiguous, flags.f_contiguous)
        place = address(value)
        numbers += (0, 0, value.size, value.itemsize, place, *value.shape, *value.strides)
    else:
        kinds.append(type(value))
        numbers.append(value)


def address(array: Any) -> int:
    """Of an array's first element."""
    return int(array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr)


def size_of(number: Any) -> int:
    """Bytes of a number as CuPy passes it."""
    return int(np.dtype(type(number)).itemsize)
