"""Optimisers: one fused update over a model's flat parameter buffer, with Keras's defaults."""

from nnaccel.optim._base import Clock, Optimizer
from nnaccel.optim._registry import from_config, get
from nnaccel.optim.adagrad import Adagrad
from nnaccel.optim.adam import Adam, AdamW
from nnaccel.optim.rmsprop import RMSprop
from nnaccel.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Clock",
    "Optimizer",
    "RMSprop",
    "from_config",
    "get",
]
