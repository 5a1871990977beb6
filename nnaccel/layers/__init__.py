"""Layers: parameters and the ops they feed."""

from nnaccel.layers._base import Backward, Layer, Shape
from nnaccel.layers.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from nnaccel.layers.batch_norm import BatchNorm
from nnaccel.layers.conv2d import Conv2D
from nnaccel.layers.conv2d_transpose import Conv2DTranspose
from nnaccel.layers.dense import Dense
from nnaccel.layers.depthwise_conv2d import DepthwiseConv2D
from nnaccel.layers.dropout import Dropout
from nnaccel.layers.flatten import Flatten
from nnaccel.layers.global_pool import GlobalAvgPool2D, GlobalMaxPool2D
from nnaccel.layers.layer_norm import LayerNorm
from nnaccel.layers.pool import AvgPool2D, MaxPool2D
from nnaccel.layers.zero_pad2d import ZeroPad2D

__all__ = [
    "ELU",
    "Activation",
    "AvgPool2D",
    "Backward",
    "BatchNorm",
    "Conv2D",
    "Conv2DTranspose",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Flatten",
    "GlobalAvgPool2D",
    "GlobalMaxPool2D",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "MaxPool2D",
    "ReLU",
    "Shape",
    "Softmax",
    "ZeroPad2D",
]
