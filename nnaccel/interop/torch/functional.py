"""Functions of PyTorch tensors with gradients, on nnaccel's kernels.

They take tensors on the CPU, float32 or float64, and are differentiable once. Images are
(N, C, H, W) in either memory format, and results keep that of the input.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from nnaccel import ops
from nnaccel.ops.activation import activate as apply_activation
from nnaccel.ops.activation import activate_backward
from nnaccel_kernels.activations import FROM_OUTPUT

Tensor = Any  # torch.Tensor
Size = int | tuple[int, ...]


def conv2d(x: Tensor, w: Tensor, b: Tensor | None = None, **how: Any) -> Tensor:
    """Return the convolution of images, as `nnaccel.ops.conv2d` with the same settings.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W)
    w : Tensor, shape (K, C/groups, R, S)
    b : Tensor, shape (K,), optional
    **how
        `stride`, `padding`, `dilation`, `groups`, `algorithm`.

    Examples
    --------
    >>> import torch
    >>> w = torch.ones(1, 1, 2, 2, requires_grad=True)
    >>> conv2d(torch.ones(1, 1, 3, 3), w).sum().backward()
    >>> w.grad.flatten()
    tensor([4., 4., 4., 4.])
    """
    return _Convolution.apply(x, w, b, ops.conv2d, ops.conv2d_backward, how)


def conv_transpose2d(x: Tensor, w: Tensor, b: Tensor | None = None, **how: Any) -> Tensor:
    """Return the transposed convolution of images, as `nnaccel.ops.conv_transpose2d`.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W)
    w : Tensor, shape (C, K/groups, R, S)
    b : Tensor, shape (K,), optional
    **how
        `stride`, `padding`, `output_padding`, `dilation`, `groups`, `algorithm`.
    """
    return _Convolution.apply(x, w, b, ops.conv_transpose2d, ops.conv_transpose2d_backward, how)


def linear(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    """Return ``x @ w.T + b``.

    Parameters
    ----------
    x : Tensor, shape (..., in)
    w : Tensor, shape (out, in)
    b : Tensor, shape (out,), optional
    """
    rows = _Linear.apply(x.reshape(-1, x.shape[-1]), w, b)
    return rows.reshape(*x.shape[:-1], len(w))


def max_pool2d(x: Tensor, kernel_size: Size, **how: Any) -> Tensor:
    """Return the maxima under a window, as `nnaccel.ops.max_pool2d` with the same settings.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W)
    kernel_size : int or (R, S)
    **how
        `stride`, `padding`, `dilation`, `ceil_mode`.
    """
    return _MaxPool.apply(x, kernel_size, how)


def avg_pool2d(x: Tensor, kernel_size: Size, **how: Any) -> Tensor:
    """Return the means under a window, as `nnaccel.ops.avg_pool2d` with the same settings.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W)
    kernel_size : int or (R, S)
    **how
        `stride`, `padding`, `dilation`, `ceil_mode`, `count_include_pad`.
    """
    return _AvgPool.apply(x, kernel_size, how)


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Return x normalised channel by channel, as `torch.nn.functional.batch_norm` does.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W) or (N, C)
    running_mean, running_var : Tensor, shape (C,), or None
        Updated in training: ``running = (1 - momentum) * running + momentum * batch``, where the
        variance of the batch is the unbiased one.
    weight, bias : Tensor, shape (C,), optional
    training : bool, default False
        Whether to take the statistics of the batch.
    momentum, eps : float
        As in PyTorch.
    """
    statistics = running_mean, running_var
    return _BatchNorm.apply(x, weight, bias, statistics, training, momentum, eps)


def activate(name: str, x: Tensor, alpha: float | None = None) -> Tensor:
    """Return an activation of `nnaccel.ops` by name: elementwise, or over the last axis."""
    return _Activation.apply(name, x, alpha)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, b: Any, op: Any, backward: Any, how: Any) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.op_backward, ctx.how = backward, how
        return _tensor(op(_array(x), _array(w), None if b is None else _array(b), **how))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> Any:
        x, w = map(_array, ctx.saved_tensors)
        dx_wanted, dw_wanted, db_wanted, *_ = ctx.needs_input_grad
        axis = 0 if ctx.op_backward is ops.conv2d_backward else 1
        filters = w.shape[axis] * (ctx.how.get("groups", 1) if axis else 1)
        out = None
        if not (dw_wanted and db_wanted):
            dw = np.empty_like(w, order="C") if dw_wanted else None
            out = dw, np.empty(filters, w.dtype) if db_wanted else None
        dx, dw, db = ctx.op_backward(_array(dy), x, w, input_gradient=dx_wanted, out=out, **ctx.how)
        return _tensor(dx), _tensor(dw), _tensor(db), None, None, None


class _Linear(torch.autograd.Function):
    """A product with w.T, which is the input gradient of a product with w: w need not be copied."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, w)
        weights, rows = _array(w), _array(x)
        unused = np.empty((len(rows), len(weights)), rows.dtype)
        y, _, _ = ops.linear_backward(rows, unused, weights, out=(None, None))
        if b is not None:
            y += _array(b)
        return _tensor(y)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> Any:
        x, w = map(_array, ctx.saved_tensors)
        dx_wanted, dw_wanted, db_wanted = ctx.needs_input_grad
        rows = _array(dy)
        dx = ops.linear(rows, w) if dx_wanted else None
        dw = None
        if dw_wanted:
            _, dw, _ = ops.linear_backward(x, rows, w, input_gradient=False)
        return _tensor(dx), _tensor(dw), dy.sum(0) if db_wanted else None


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, size: Size, how: Any) -> Tensor:
        y = _tensor(ops.max_pool2d(_array(x), size, **how))
        ctx.save_for_backward(x, y)
        ctx.size, ctx.how = size, how
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> Any:
        x, y = map(_array, ctx.saved_tensors)
        return _tensor(ops.max_pool2d_backward(_array(dy), x, y, ctx.size, **ctx.how)), None, None


class _AvgPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, size: Size, how: Any) -> Tensor:
        ctx.save_for_backward(x)
        ctx.size, ctx.how = size, how
        return _tensor(ops.avg_pool2d(_array(x), size, **how))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> Any:
        (x,) = map(_array, ctx.saved_tensors)
        return _tensor(ops.avg_pool2d_backward(_array(dy), x, ctx.size, **ctx.how)), None, None


class _BatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        w: Any,
        b: Any,
        running: Any,
        training: bool,
        momentum: float,
        eps: float,
    ) -> Tensor:
        images, (mean, var) = _array(x), running
        channels = images.shape[1]
        gamma = np.ones(channels, images.dtype) if w is None else _array(w)
        beta = np.zeros(channels, images.dtype) if b is None else _array(b)
        if training:
            batch = np.zeros(channels, images.dtype), np.ones(channels, images.dtype)
        else:
            batch = _array(mean), _array(var)
        y, *statistics = ops.batch_norm(
            images, gamma, beta, *batch, training=training, momentum=0.0, epsilon=eps
        )
        if training and mean is not None:
            count = images.size // channels
            mean.mul_(1 - momentum).add_(torch.from_numpy(batch[0]), alpha=momentum)
            unbiased = momentum * count / (count - 1)
            var.mul_(1 - momentum).add_(torch.from_numpy(batch[1]), alpha=unbiased)
        ctx.save_for_backward(x)
        ctx.kept = gamma, *statistics
        ctx.training = training
        return _tensor(y)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        dx_wanted, dw_wanted, db_wanted, *_ = ctx.needs_input_grad
        dx, dgamma, dbeta = ops.batch_norm_backward(
            _array(dy), _array(x), *ctx.kept, training=ctx.training, input_gradient=dx_wanted
        )
        dw, db = dgamma if dw_wanted else None, dbeta if db_wanted else None
        return _tensor(dx), _tensor(dw), _tensor(db), None, None, None, None


class _Activation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, name: str, x: Tensor, alpha: float | None) -> Tensor:
        y = _tensor(apply_activation(name, _array(x), alpha))
        from_output = name in FROM_OUTPUT or "softmax" in name
        ctx.save_for_backward(y if from_output else x)
        ctx.name, ctx.alpha, ctx.from_output = name, alpha, from_output
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> Any:
        (kept,) = map(_array, ctx.saved_tensors)
        x, y = (None, kept) if ctx.from_output else (kept, None)
        return None, _tensor(activate_backward(ctx.name, _array(dy), x, y, ctx.alpha)), None


def _array(x: Tensor) -> np.ndarray:
    """Return a tensor's memory as a NumPy array."""
    return x.detach().numpy()  # type: ignore[no-any-return]


def _tensor(a: np.ndarray | None) -> Tensor:
    return None if a is None else torch.from_numpy(a)
