"""Functions on arrays, forward and backward: the arrays decide which backend runs them."""

from nnaccel.ops.activation import (
    elu,
    elu_backward,
    gelu,
    gelu_backward,
    leaky_relu,
    leaky_relu_backward,
    log_softmax,
    log_softmax_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    softmax,
    softmax_backward,
    softplus,
    softplus_backward,
    tanh,
    tanh_backward,
)
from nnaccel.ops.columns import col2im, im2col
from nnaccel.ops.conv import conv2d, conv2d_backward
from nnaccel.ops.conv_transpose import conv_transpose2d, conv_transpose2d_backward
from nnaccel.ops.dense import linear, linear_backward
from nnaccel.ops.dropout import dropout
from nnaccel.ops.layer_norm import layer_norm, layer_norm_backward
from nnaccel.ops.loss import (
    binary_cross_entropy,
    categorical_cross_entropy,
    mse,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from nnaccel.ops.norm import batch_norm, batch_norm_backward
from nnaccel.ops.pad import pad2d
from nnaccel.ops.pool import avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward

__all__ = [
    "avg_pool2d",
    "avg_pool2d_backward",
    "batch_norm",
    "batch_norm_backward",
    "binary_cross_entropy",
    "categorical_cross_entropy",
    "col2im",
    "conv2d",
    "conv2d_backward",
    "conv_transpose2d",
    "conv_transpose2d_backward",
    "dropout",
    "elu",
    "elu_backward",
    "gelu",
    "gelu_backward",
    "im2col",
    "layer_norm",
    "layer_norm_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "linear",
    "linear_backward",
    "log_softmax",
    "log_softmax_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "mse",
    "pad2d",
    "relu",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "sigmoid_cross_entropy",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "softplus",
    "softplus_backward",
    "tanh",
    "tanh_backward",
]
