"""The obvious version of every kernel, on whole NumPy arrays."""

from nnaccel_kernels.reference.activation import (
    activate,
    activate_backward,
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
)
from nnaccel_kernels.reference.batch import advance, finish_step, gather_one_hot, gather_rows
from nnaccel_kernels.reference.batch_norm import (
    batch_norm,
    batch_norm_backward,
    batch_norm_inference,
)
from nnaccel_kernels.reference.conv2d import (
    bias_activate,
    conv2d,
    conv2d_input_gradient,
    conv2d_plan,
    conv2d_weight_gradient,
    sum_channels,
)
from nnaccel_kernels.reference.copy import copy, pad2d
from nnaccel_kernels.reference.dropout import dropout
from nnaccel_kernels.reference.gradient import add_penalty, clip_norm, clip_value, penalty
from nnaccel_kernels.reference.half import widened
from nnaccel_kernels.reference.im2col import col2im, im2col
from nnaccel_kernels.reference.linear import linear, linear_backward
from nnaccel_kernels.reference.loss_scale import adjust_scale, scale_gradient, unscale_gradients
from nnaccel_kernels.reference.losses import (
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
from nnaccel_kernels.reference.naive import (
    naive_conv2d,
    naive_conv2d_input_gradient,
    naive_conv2d_weight_gradient,
)
from nnaccel_kernels.reference.optimizers import adagrad, adam, momentum, rmsprop, sgd
from nnaccel_kernels.reference.pool import (
    avg_pool2d,
    avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
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
    "naive_conv2d",
    "naive_conv2d_input_gradient",
    "naive_conv2d_weight_gradient",
    "pad2d",
    "penalty",
    "rmsprop",
    "scale_gradient",
    "sgd",
    "sigmoid_cross_entropy",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "sum_channels",
    "unscale_gradients",
    "weigh",
]

for _name in __all__:  # arrays of 16-bit numbers are computed in float32
    globals()[_name] = widened(globals()[_name])
