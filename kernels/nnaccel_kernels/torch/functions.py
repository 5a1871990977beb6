"""The array namespace of PyTorch on a device: array-api-compat's functions, by NumPy's names."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import array_api_compat.torch as library
import numpy as np
import torch

from nnaccel_kernels.torch import dtypes
from nnaccel_kernels.torch.array import Array, unwrap
from nnaccel_kernels.torch.dtypes import torch_dtype
from nnaccel_kernels.torch.read_only import writable

_RENAMED = {"concatenate": "concat"}


class Functions:
    """Functions on arrays that lie on one device.

    Parameters
    ----------
    device : torch.device
    """

    __name__ = "torch"
    ndarray = Array

    def __init__(self, device: Any) -> None:
        self._device = device
        self.linalg = SimpleNamespace(norm=self._wrapped(torch.linalg.norm), qr=_qr)

    def asarray(self, a: Any, dtype: Any = None, order: str | None = None) -> Array:
        """Array of anything NumPy can convert; on the CPU it shares memory with NumPy's arrays."""
        tensor = a.tensor if isinstance(a, Array) else self._tensor(np.asarray(a))
        tensor = tensor.to(self._device, self._dtype(dtype))
        return Array(tensor.contiguous() if order == "C" else tensor)

    def from_dlpack(self, a: Any) -> Array:
        """Array over the memory of a tensor, on its device."""
        return Array(a if isinstance(a, torch.Tensor) else torch.from_dlpack(a))

    def _tensor(self, a: np.ndarray) -> Any:
        """Tensor on the host, of a dtype that the device has."""
        if min(a.strides, default=0) < 0 or not a.dtype.isnative:
            a = np.array(a, a.dtype.newbyteorder("="), order="C")
        if self._dtype(a.dtype) is torch.float32:
            a = np.asarray(a, np.float32)  # float64, perhaps, which the device has not
        return dtypes.from_numpy(a)

    def ascontiguousarray(self, a: Any, dtype: Any = None) -> Array:
        """Array in C order."""
        return self.asarray(a, dtype, "C")

    def empty(self, shape: Any, dtype: Any = float) -> Array:
        """Uninitialised array."""
        return Array(torch.empty(shape, dtype=self._dtype(dtype), device=self._device))

    def zeros(self, shape: Any, dtype: Any = float) -> Array:
        """Array of zeros."""
        return Array(torch.zeros(shape, dtype=self._dtype(dtype), device=self._device))

    def ones(self, shape: Any, dtype: Any = float) -> Array:
        """Array of ones."""
        return Array(torch.ones(shape, dtype=self._dtype(dtype), device=self._device))

    def _dtype(self, dtype: Any) -> Any:
        return torch_dtype(dtype, self._device)

    def arange(self, *args: Any, dtype: Any = None) -> Array:
        """Evenly spaced numbers."""
        return self.asarray(np.arange(*args, dtype=dtype))

    def __getattr__(self, name: str) -> Any:
        kind = getattr(np, name, None)
        if isinstance(kind, type) and issubclass(kind, np.generic):
            return kind
        name = _RENAMED.get(name, name)
        place = library if hasattr(library, name) else torch
        if name.startswith("_") or not hasattr(place, name):
            raise AttributeError(f"the torch backend's namespace has no {name!r}")
        function = self._wrapped(getattr(place, name))
        setattr(self, name, function)
        return function

    def _wrapped(self, function: Any) -> Any:
        """Return a function of arrays for one of tensors; NumPy's dtypes are taken."""

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            given = {name: unwrap(value) for name, value in kwargs.items()}
            if "dtype" in given:
                given["dtype"] = self._dtype(given["dtype"])
            if isinstance(given.get("out"), torch.Tensor):
                writable(given["out"])
            result = function(*map(self._argument, args), **given)
            return Array(result) if isinstance(result, torch.Tensor) else result

        return call

    def _argument(self, value: Any) -> Any:
        is_dtype = isinstance(value, np.dtype) or (
            isinstance(value, type) and issubclass(value, np.generic)
        )
        return self._dtype(value) if is_dtype else unwrap(value)


def _qr(a: Array, mode: str = "reduced") -> Any:
    q, r = torch.linalg.qr(a.tensor, mode)
    return Array(r) if mode == "r" else (Array(q), Array(r))
