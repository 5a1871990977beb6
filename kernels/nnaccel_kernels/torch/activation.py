"""The commonest activations by one call of PyTorch; the others are the plain ones."""

from __future__ import annotations

from typing import Any

import torch

from nnaccel_kernels.torch.plain import plain

__all__ = ["activate", "activate_backward"]

_CALLS = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}


def activate(name: str, alpha: float, x: Any, y: Any) -> None:
    """y = f(x) elementwise, for the activation f of that name."""
    if name == "linear":
        y.copy_(x)
    elif name == "relu" and x is y:
        torch.relu_(y)
    elif name in _CALLS:
        y.copy_(_CALLS[name](x))
    else:
        plain.activate(name, alpha, x, y)


def activate_backward(name: str, alpha: float, dy: Any, x: Any, y: Any, dx: Any) -> None:
    """dx = dy * f'(x), computed from y for those in `FROM_OUTPUT`, from x for others."""
    if name == "linear":
        dx.copy_(dy)
    elif name == "relu":  # where y is NaN it lets dy through; zeros there take four times as long
        torch.ops.aten.threshold_backward.grad_input(dy, y, 0, grad_input=dx)
    else:
        plain.activate_backward(name, alpha, dy, x, y, dx)
