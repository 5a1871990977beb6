"""Layer normalisation of each row."""

from __future__ import annotations

from typing import Any

__all__ = ["layer_norm", "layer_norm_backward"]


def layer_norm(
    x: Any, gamma: Any, beta: Any, epsilon: float, mean: Any, inv_std: Any, y: Any
) -> None:
    """y = (x - mean) * inv_std * gamma + beta, for the mean and deviation of each row."""
    mean[...] = x.mean(axis=1)
    centred = x - mean[:, None]
    inv_std[...] = ((centred * centred).mean(axis=1) + epsilon) ** -0.5
    y[...] = centred * inv_std[:, None] * gamma + beta


def layer_norm_backward(
    dy: Any, x: Any, gamma: Any, mean: Any, inv_std: Any, dx: Any, dgamma: Any, dbeta: Any
) -> None:
    """Gradients of sum(dy * layer_norm(x, …)); dx where it is not None."""
    normal = (x - mean[:, None]) * inv_std[:, None]
    dgamma[...] = (dy * normal).sum(axis=0)
    dbeta[...] = dy.sum(axis=0)
    if dx is not None:
        g = dy * gamma
        along = (g * normal).mean(axis=1)[:, None]
        dx[...] = inv_std[:, None] * (g - g.mean(axis=1)[:, None] - normal * along)
