"""Softmax over the rows of a matrix, and the loss that begins with it."""

from __future__ import annotations

from typing import Any

import torch

from nnaccel_kernels.torch.half import in_float32

__all__ = ["log_softmax", "softmax", "softmax_cross_entropy"]


@in_float32
def softmax(x: Any, y: Any) -> None:
    """y = softmax of each row of x."""
    torch.softmax(x, 1, out=y)


@in_float32
def log_softmax(x: Any, y: Any) -> None:
    """y = log(softmax) of each row of x."""
    torch.log_softmax(x, 1, out=y)


@in_float32
def softmax_cross_entropy(logits: Any, targets: Any, losses: Any, dlogits: Any) -> None:
    """Each row's cross-entropy of softmax(logits), and the gradient of their mean."""
    torch.log_softmax(logits, 1, out=dlogits)
    weighed = torch.where(targets != 0, dlogits, 0).mul_(targets)
    torch.sum(weighed, 1, out=losses).neg_()
    weights = targets.sum(1, keepdim=True)
    dlogits.exp_().mul_(weights).sub_(targets).div_(max(1, len(logits)))
