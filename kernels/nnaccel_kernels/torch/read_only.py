"""Read-only memory of NumPy's, such as a file's, under tensors: PyTorch knows no such thing."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

_MARK = "nnaccel_read_only"


def tensor_over(a: np.ndarray, dtype: Any) -> Any:
    """Tensor over the memory of an array, of another dtype, marked if it cannot be written to."""
    memory = a if a.flags.writeable else np.asarray(_Unlocked(a))
    tensor = torch.from_numpy(memory).view(dtype)
    if memory is not a:
        setattr(_root(tensor), _MARK, True)
    return tensor


def is_read_only(tensor: Any) -> bool:
    """Whether a tensor is marked, or is a view of one that is."""
    return hasattr(_root(tensor), _MARK)


def writable(tensor: Any) -> Any:
    """Return a tensor that is about to be written to; ValueError if it is read-only."""
    if is_read_only(tensor):
        raise ValueError("the array is read-only, so it cannot be written to: give a copy")
    return tensor


def _root(tensor: Any) -> Any:
    return tensor if tensor._base is None else tensor._base


class _Unlocked:
    """The memory of an array, said to be writable."""

    def __init__(self, a: np.ndarray) -> None:
        self._held = a
        self.__array_interface__ = {**a.__array_interface__, "data": (a.ctypes.data, False)}
