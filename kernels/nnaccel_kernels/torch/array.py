"""PyTorch's tensors in NumPy's manners, as far as CuPy's arrays have them."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from nnaccel_kernels.torch import dtypes
from nnaccel_kernels.torch.dtypes import torch_dtype
from nnaccel_kernels.torch.read_only import is_read_only, writable
from nnaccel_kernels.torch.slices import forwards, unraveled


class Flags(NamedTuple):
    c_contiguous: bool
    writeable: bool


class Array:
    """A tensor with NumPy's dtypes, methods and operators; like CuPy's, `get` copies it to NumPy.

    Attributes
    ----------
    tensor : torch.Tensor
    """

    __slots__ = ("tensor",)
    __array_ufunc__ = None  # NumPy's arrays leave binary operators to this class

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor

    @property
    def nnaccel_backend(self) -> str:
        return backend_name(self.tensor.device)

    def get(self) -> np.ndarray:
        return np.array(dtypes.to_numpy(self.tensor.cpu()))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.device.type != "cpu":
            raise TypeError(f"an array on {self.device} is not NumPy's: use .get()")
        return np.array(dtypes.to_numpy(self.tensor), dtype, copy=copy)

    @property
    def dtype(self) -> np.dtype[Any]:
        return dtypes.numpy_dtype(self.tensor.dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.tensor.shape)

    @property
    def ndim(self) -> int:
        return int(self.tensor.ndim)

    @property
    def size(self) -> int:
        return int(self.tensor.numel())

    @property
    def nbytes(self) -> int:
        return int(self.tensor.nbytes)

    @property
    def device(self) -> Any:
        return self.tensor.device

    @property
    def flags(self) -> Flags:
        return Flags(self.tensor.is_contiguous(), not is_read_only(self.tensor))

    @property
    def T(self) -> Array:  # noqa: N802
        return self.transpose()

    def transpose(self, *axes: Any) -> Array:
        axes = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return Array(self.tensor.permute(*(axes or range(self.ndim - 1, -1, -1))))

    def reshape(self, *shape: Any) -> Array:
        return Array(self.tensor.reshape(*shape))

    def ravel(self) -> Array:
        return self.reshape(-1)

    def astype(self, dtype: Any, copy: bool = True) -> Array:
        return Array(self.tensor.to(torch_dtype(dtype, self.device), copy=copy))

    def copy(self) -> Array:
        return Array(self.tensor.clone(memory_format=torch.contiguous_format))

    def item(self) -> Any:
        return self.tensor.item()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.tensor)

    def __len__(self) -> int:
        return len(self.tensor)

    def __repr__(self) -> str:
        return f"Array({self.tensor!r})"

    def __getitem__(self, index: Any) -> Array:
        """View; a copy where a step is negative."""
        tensor, index = forwards(self.tensor, unwrap(index))
        return Array(tensor[index])

    def __setitem__(self, index: Any, value: Any) -> None:
        writable(self.tensor)[unraveled(self.tensor, unwrap(index))] = unwrap(value)

    def sum(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Array:
        return self._reduced(torch.sum, axis, keepdims, dtype=torch_dtype(dtype, self.device))

    def mean(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Array:
        return self._reduced(torch.mean, axis, keepdims, dtype=torch_dtype(dtype, self.device))

    def max(self, axis: Any = None, keepdims: bool = False) -> Array:
        return self._reduced(torch.amax, axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Array:
        return self._reduced(torch.amin, axis, keepdims)

    def all(self, axis: Any = None, keepdims: bool = False) -> Array:
        return self._reduced(torch.all, axis, keepdims)

    def any(self, axis: Any = None, keepdims: bool = False) -> Array:
        return self._reduced(torch.any, axis, keepdims)

    def argmax(self, axis: int | None = None) -> Array:
        return Array(torch.argmax(self.tensor, axis))

    def __sub__(self, other: Any) -> Array:
        return Array(_minus(self.tensor, unwrap(other)))

    def __rsub__(self, other: Any) -> Array:
        return Array(_minus(unwrap(other), self.tensor))

    def _reduced(self, function: Any, axis: Any, keepdims: bool, **how: Any) -> Array:
        every = tuple(range(self.ndim))
        return Array(function(self.tensor, every if axis is None else axis, keepdims, **how))


@functools.cache
def backend_name(device: Any) -> str:
    """Name of the backend for a device: 'torch', 'torch:cuda', 'torch:cuda:1'."""
    if device.type == "cpu":
        return "torch"
    return f"torch:{device.type}:{device.index}" if device.index else f"torch:{device.type}"


def unwrap(value: Any) -> Any:
    """Return a value with the tensors of the arrays in it, and plain numbers for NumPy's."""
    if isinstance(value, Array):
        return value.tensor
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        raise TypeError("NumPy's arrays do not mix with the torch backend's: use nnaccel.asarray")
    if type(value) in (tuple, list):
        return type(value)(map(unwrap, value))
    return value


def _binary(function: Callable[[Any, Any], Any]) -> Callable[[Array, Any], Array]:
    return lambda self, other: Array(function(self.tensor, unwrap(other)))


def _reflected(function: Callable[[Any, Any], Any]) -> Callable[[Array, Any], Array]:
    return lambda self, other: Array(function(unwrap(other), self.tensor))


def _minus(a: Any, b: Any) -> Any:
    """a - b, where one of both may be a mask, which counts as whole numbers as in NumPy."""
    masks = [isinstance(x, torch.Tensor) and x.dtype == torch.bool for x in (a, b)]
    if any(masks) and not all(masks):
        a, b = (x.long() if is_mask else x for x, is_mask in zip((a, b), masks, strict=True))
    return a - b


def _in_place(function: Callable[[Any, Any], Any]) -> Callable[[Array, Any], Array]:
    def call(self: Array, other: Any) -> Array:
        function(writable(self.tensor), unwrap(other))
        return self

    return call


for _name in (
    "add",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "and",
    "or",
    "xor",
    "matmul",
):
    setattr(Array, f"__{_name}__", _binary(getattr(operator, f"__{_name}__")))
    setattr(Array, f"__r{_name}__", _reflected(getattr(operator, f"__{_name}__")))
for _name in ("add", "sub", "mul", "truediv"):
    setattr(Array, f"__i{_name}__", _in_place(getattr(operator, f"__i{_name}__")))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Array, f"__{_name}__", _binary(getattr(operator, _name)))
for _name in ("neg", "abs", "invert"):
    _unary = getattr(operator, _name)
    setattr(Array, f"__{_name}__", lambda self, function=_unary: Array(function(self.tensor)))
