"""The obvious version of every kernel, on whole NumPy or CuPy arrays."""

from nnaccel_kernels.reference._activation import (
    activate,
    activate_backward,
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
)
from nnaccel_kernels.reference._batch import advance, gather_one_hot, gather_rows
from nnaccel_kernels.reference._dense import linear, linear_backward
from nnaccel_kernels.reference._dropout import dropout
from nnaccel_kernels.reference._gradient import add_penalty, clip_norm, clip_value, penalty
from nnaccel_kernels.reference._loss import (
    add_sum,
    binary_cross_entropy,
    categorical_cross_entropy,
    count_binary_hits,
    count_category_hits,
    mse,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from nnaccel_kernels.reference._update import adagrad, adam, momentum, rmsprop, sgd

__all__ = [
    "activate",
    "activate_backward",
    "adagrad",
    "adam",
    "add_penalty",
    "add_sum",
    "advance",
    "binary_cross_entropy",
    "categorical_cross_entropy",
    "clip_norm",
    "clip_value",
    "count_binary_hits",
    "count_category_hits",
    "dropout",
    "gather_one_hot",
    "gather_rows",
    "linear",
    "linear_backward",
    "log_softmax",
    "log_softmax_backward",
    "momentum",
    "mse",
    "penalty",
    "rmsprop",
    "sgd",
    "sigmoid_cross_entropy",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
]
