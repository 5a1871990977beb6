"""Kernels for CUDA devices, on CuPy arrays, or on NumPy arrays under Numba's simulator.

Importing this needs Numba but no driver: kernels are compiled when they are first called.
"""

from nnaccel_kernels.cuda.activation import activate, activate_backward
from nnaccel_kernels.cuda.batch import advance, finish_step, gather_one_hot, gather_rows
from nnaccel_kernels.cuda.batch_norm import batch_norm, batch_norm_backward, batch_norm_inference
from nnaccel_kernels.cuda.channels import bias_activate, sum_channels
from nnaccel_kernels.cuda.conv2d import (
    conv2d,
    conv2d_input_gradient,
    conv2d_plan,
    conv2d_weight_gradient,
)
from nnaccel_kernels.cuda.copy import copy, pad2d
from nnaccel_kernels.cuda.dropout import dropout
from nnaccel_kernels.cuda.gradient import add_penalty, clip_norm, clip_value, penalty
from nnaccel_kernels.cuda.im2col import col2im, im2col
from nnaccel_kernels.cuda.linear import linear, linear_backward
from nnaccel_kernels.cuda.loss_scale import adjust_scale, scale_gradient, unscale_gradients
from nnaccel_kernels.cuda.losses import (
    add_sum,
    binary_cross_entropy,
    categorical_cross_entropy,
    count_binary_hits,
    count_category_hits,
    mse,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
    weigh,
)
from nnaccel_kernels.cuda.optimizers import adagrad, adam, momentum, rmsprop, sgd
from nnaccel_kernels.cuda.pool import (
    avg_pool2d,
    avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)
from nnaccel_kernels.cuda.runtime.cublas import set_tf32, uses_tf32
from nnaccel_kernels.cuda.softmax import (
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
)

__all__ = [
    "activate",
    "activate_backward",
    "adagrad",
    "adam",
    "add_penalty",
    "add_sum",
    "adjust_scale",
    "advance",
    "avg_pool2d",
    "avg_pool2d_backward",
    "batch_norm",
    "batch_norm_backward",
    "batch_norm_inference",
    "bias_activate",
    "binary_cross_entropy",
    "categorical_cross_entropy",
    "clip_norm",
    "clip_value",
    "col2im",
    "conv2d",
    "conv2d_input_gradient",
    "conv2d_plan",
    "conv2d_weight_gradient",
    "copy",
    "count_binary_hits",
    "count_category_hits",
    "dropout",
    "finish_step",
    "gather_one_hot",
    "gather_rows",
    "im2col",
    "linear",
    "linear_backward",
    "log_softmax",
    "log_softmax_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "momentum",
    "mse",
    "pad2d",
    "penalty",
    "rmsprop",
    "scale_gradient",
    "set_tf32",
    "sgd",
    "sigmoid_cross_entropy",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "sum_channels",
    "unscale_gradients",
    "uses_tf32",
    "weigh",
]
