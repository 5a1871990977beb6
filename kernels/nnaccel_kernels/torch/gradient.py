"""Gradient clipping by norm, without reading a device."""

from __future__ import annotations

from typing import Any

import torch

from nnaccel_kernels.reference.namespace import widest

__all__ = ["clip_norm"]


def clip_norm(g: Any, limit: float) -> None:
    """Scale g, in place, to Euclidean norm `limit` where its norm is greater."""
    norm = torch.linalg.vector_norm(g, dtype=widest(g))
    g.mul_(torch.where(norm > limit, limit / norm, 1))
