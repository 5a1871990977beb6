"""NumPy's dtypes and PyTorch's; a device without float64 has float32 in its place."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch

from nnaccel_kernels.torch.read_only import tensor_over

_NAMES = (
    *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64"),
)
_NUMPY = {getattr(torch, name): np.dtype(name) for name in _NAMES}
_TORCH = {dtype: kind for kind, dtype in _NUMPY.items()}


@functools.cache
def torch_dtype(dtype: Any, device: Any) -> Any:
    """PyTorch's dtype on a device for one of NumPy's; None for None."""
    if dtype is None:
        return None
    dtype = np.dtype(dtype)
    found = torch.bfloat16 if dtype.name == "bfloat16" else _TORCH.get(dtype)
    if found is None:
        raise TypeError(f"the torch backend has no arrays of {dtype}")
    return torch.float32 if found is torch.float64 and not has_float64(device) else found


def numpy_dtype(kind: Any) -> np.dtype[Any]:
    """NumPy's dtype for one of PyTorch's."""
    return np.dtype("bfloat16") if kind is torch.bfloat16 else _NUMPY[kind]  # of ml_dtypes


def to_numpy(tensor: Any) -> np.ndarray:
    """Memory of a tensor on the CPU, as NumPy sees it."""
    if tensor.dtype is torch.bfloat16:  # which PyTorch gives nobody
        words: np.ndarray = tensor.view(torch.int16).numpy()
        return words.view("bfloat16")
    return tensor.numpy()  # type: ignore[no-any-return]


def from_numpy(a: np.ndarray) -> Any:
    """Tensor over the memory of an array."""
    if a.dtype.name == "bfloat16":
        return tensor_over(a.view(np.int16), torch.bfloat16)
    return tensor_over(a, _TORCH[a.dtype])


@functools.cache
def has_float64(device: Any) -> bool:
    """Whether a device computes in float64; Apple's do not, and not all of Intel's."""
    try:
        torch.zeros(1, dtype=torch.float64, device=device)
    except (RuntimeError, TypeError):
        return False
    return True
