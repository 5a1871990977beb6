"""Compiled kernels for NumPy arrays: loops that run on a team of threads, recorded or at once."""

from nnaccel_kernels.cpu._activation import (
    activate,
    activate_backward,
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
)
from nnaccel_kernels.cpu._batch import advance, gather_one_hot, gather_rows
from nnaccel_kernels.cpu._dense import linear, linear_backward
from nnaccel_kernels.cpu._dropout import dropout
from nnaccel_kernels.cpu._gradient import add_penalty, clip_norm, clip_value, penalty
from nnaccel_kernels.cpu._kernel import record, recording
from nnaccel_kernels.cpu._loss import (
    add_sum,
    binary_cross_entropy,
    categorical_cross_entropy,
    count_binary_hits,
    count_category_hits,
    mse,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from nnaccel_kernels.cpu._team import set_num_threads
from nnaccel_kernels.cpu._update import adagrad, adam, momentum, rmsprop, sgd

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
    "record",
    "recording",
    "rmsprop",
    "set_num_threads",
    "sgd",
    "sigmoid_cross_entropy",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
]
