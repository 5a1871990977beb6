"""Arrays of 16 bits: products in their own dtype, all else as in the plain kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from nnaccel_kernels.reference.half import widened

_HALVES = torch.float16, torch.bfloat16


def in_float32(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Kernel that computes on float32 copies of 16-bit tensors and rounds what it wrote."""
    return widened(kernel, _watched)


def _watched(tensor: Any) -> Callable[[], bool]:
    """Return a function that says whether a tensor has been written to since: PyTorch counts."""
    before = tensor._version
    return lambda: bool(tensor._version != before)


def is_half(tensor: Any) -> bool:
    """Whether numbers have 16 bits."""
    return tensor.dtype in _HALVES


def factor(tensor: Any, like: Any) -> Any:
    """A factor of a product with activations like these.

    It has their dtype, but float32 for float16 on a CPU, where PyTorch has no fast products of it.
    """
    slow = like.dtype is torch.float16 and like.device.type == "cpu"
    return tensor.to(torch.float32 if slow else like.dtype)
