"""Optimisers: one update over a model's flat parameter buffer, with Keras's defaults."""

from nnaccel.optim._base import Clock, Optimizer
from nnaccel.optim._registry import OPTIMIZERS, from_config, get, name_of
from nnaccel.optim.adagrad import Adagrad
from nnaccel.optim.adam import Adam, AdamW
from nnaccel.optim.lion import Lion
from nnaccel.optim.rmsprop import RMSprop
from nnaccel.optim.sgd import SGD

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Clock",
    "Lion",
    "Optimizer",
    "RMSprop",
    "from_config",
    "get",
    "name_of",
]
