"""Slices with negative steps, which PyTorch has not."""

from __future__ import annotations

from typing import Any, TypeGuard

import torch


def forwards(tensor: Any, index: Any) -> tuple[Any, Any]:
    """A tensor and an index without negative steps for what `tensor[index]` would be.

    The tensor is a turned copy where there are such steps, else the same.
    """
    parts = index if type(index) is tuple else (index,)
    if not any(map(_is_backward, parts)):
        return tensor, index
    taken = sum(part is not None and part is not ... for part in parts)
    axis, rest = 0, []
    for part in parts:
        if _is_backward(part):
            places: range = range(tensor.shape[axis])[part]
            ahead = slice(places[-1], places[0] + 1, -part.step) if places else slice(0)
            tensor = tensor[(slice(None),) * axis + (ahead,)].flip(axis)
            part = slice(None)
        rest.append(part)
        axis += tensor.ndim - taken if part is ... else part is not None
    return tensor, tuple(rest)


def unraveled(tensor: Any, index: Any) -> Any:
    """The index to write to `tensor[index]` by."""
    parts = index if type(index) is tuple else (index,)
    if not any(map(_is_backward, parts)):
        return index
    numbers = torch.arange(tensor.numel(), device=tensor.device).reshape(tensor.shape)
    numbers, index = forwards(numbers, index)
    return torch.unravel_index(numbers[index], tensor.shape)


def _is_backward(part: Any) -> TypeGuard[slice]:
    return type(part) is slice and part.step is not None and part.step < 0
