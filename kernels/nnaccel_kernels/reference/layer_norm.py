"""Layer normalisation of each row."""

from __future__ import annotations

from typing import Any

from nnaccel_kernels.reference.namespace import namespace

__all__ = ["layer_norm", "layer_norm_backward"]


def layer_norm(
    x: Any, gamma: Any, beta: Any, epsilon: float, mean: Any, inv_std: Any, y: Any
) -> None:
    """y = (x - mean) * inv_std * gamma + beta, for the mean and deviation of each row."""
    xp = namespace(x)
    mean[...] = xp.mean(x, axis=1)
    centred = x - mean[:, None]
    inv_std[...] = (xp.mean(centred * centred, axis=1) + epsilon) ** -0.5
    y[...] = centred * inv_std[:, None] * gamma + beta


def layer_norm_backward(
    dy: Any, x: Any, gamma: Any, mean: Any, inv_std: Any, dx: Any, dgamma: Any, dbeta: Any
) -> None:
    """Gradients of sum(dy * layer_norm(x, …)); dx where it is not None."""
    xp = namespace(x)
    normal = (x - mean[:, None]) * inv_std[:, None]
    dgamma[...] = xp.sum(dy * normal, axis=0)
    dbeta[...] = xp.sum(dy, axis=0)
    if dx is not None:
        g = dy * gamma
        shift, slope = (xp.mean(a, axis=1)[:, None] for a in (g, g * normal))
        dx[...] = inv_std[:, None] * (g - shift - normal * slope)
