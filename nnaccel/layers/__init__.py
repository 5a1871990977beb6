"""Layers: parameters and the ops they feed."""

from nnaccel.layers._base import Backward, Layer, Shape
from nnaccel.layers.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from nnaccel.layers.dense import Dense
from nnaccel.layers.dropout import Dropout
from nnaccel.layers.flatten import Flatten

__all__ = [
    "ELU",
    "Activation",
    "Backward",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "LeakyReLU",
    "ReLU",
    "Shape",
    "Softmax",
]
