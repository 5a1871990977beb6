"""Compiled kernels for NumPy arrays: loops that run on a team of threads, recorded or at once."""

from nnaccel_kernels.cpu.activation import (
    activate,
    activate_backward,
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
)
from nnaccel_kernels.cpu.avg_pool2d import avg_pool2d, avg_pool2d_backward
from nnaccel_kernels.cpu.batch import advance, finish_step, gather_one_hot, gather_rows
from nnaccel_kernels.cpu.batch_norm import batch_norm, batch_norm_backward, batch_norm_inference
from nnaccel_kernels.cpu.channels import bias_activate, sum_channels
from nnaccel_kernels.cpu.conv2d import (
    conv2d,
    conv2d_input_gradient,
    conv2d_plan,
    conv2d_weight_gradient,
)
from nnaccel_kernels.cpu.copy import copy
from nnaccel_kernels.cpu.dropout import dropout
from nnaccel_kernels.cpu.gradient import add_penalty, clip_norm, clip_value, penalty
from nnaccel_kernels.cpu.im2col import col2im, im2col
from nnaccel_kernels.cpu.linear import linear, linear_backward
from nnaccel_kernels.cpu.loss_scale import adjust_scale, scale_gradient, unscale_gradients
from nnaccel_kernels.cpu.losses import (
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
from nnaccel_kernels.cpu.max_pool2d import max_pool2d, max_pool2d_backward
from nnaccel_kernels.cpu.optimizers import adagrad, adam, momentum, rmsprop, sgd
from nnaccel_kernels.cpu.pad import pad2d
from nnaccel_kernels.cpu.runtime.kernel import record, recording
from nnaccel_kernels.cpu.runtime.thread_pool import set_num_threads

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
    "record",
    "recording",
    "rmsprop",
    "scale_gradient",
    "set_num_threads",
    "sgd",
    "sigmoid_cross_entropy",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "sum_channels",
    "unscale_gradients",
    "weigh",
]
