"""Kernels for CUDA devices, on CuPy arrays, or on NumPy arrays under Numba's simulator.

Importing this needs Numba but no driver: kernels are compiled when they are first called.
"""

from nnaccel_kernels.cuda._channels import bias_activate, sum_channels
from nnaccel_kernels.cuda._columns import col2im, im2col
from nnaccel_kernels.cuda._conv import (
    conv2d,
    conv2d_input_gradient,
    conv2d_plan,
    conv2d_weight_gradient,
)
from nnaccel_kernels.cuda._layout import copy, pad2d
from nnaccel_kernels.cuda._norm import batch_norm, batch_norm_backward, batch_norm_inference
from nnaccel_kernels.cuda._pool import (
    avg_pool2d,
    avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)

__all__ = [
    "avg_pool2d",
    "avg_pool2d_backward",
    "batch_norm",
    "batch_norm_backward",
    "batch_norm_inference",
    "bias_activate",
    "col2im",
    "conv2d",
    "conv2d_input_gradient",
    "conv2d_plan",
    "conv2d_weight_gradient",
    "copy",
    "im2col",
    "max_pool2d",
    "max_pool2d_backward",
    "pad2d",
    "sum_channels",
]
