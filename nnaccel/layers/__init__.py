"""Layers: parameters and the ops that use them."""

import inspect
import typing

from nnaccel import _foreign
from nnaccel.layers._base import *
from nnaccel.layers.activation import *
from nnaccel.layers.batch_norm import *
from nnaccel.layers.chain import *
from nnaccel.layers.conv1d import *
from nnaccel.layers.conv2d import *
from nnaccel.layers.conv2d_transpose import *
from nnaccel.layers.dense import *
from nnaccel.layers.depthwise_conv2d import *
from nnaccel.layers.dropout import *
from nnaccel.layers.flatten import *
from nnaccel.layers.gaussian_noise import *
from nnaccel.layers.global_pool import *
from nnaccel.layers.group_norm import *
from nnaccel.layers.layer_norm import *
from nnaccel.layers.parallel import *
from nnaccel.layers.pool import *
from nnaccel.layers.pool1d import *
from nnaccel.layers.prelu import *
from nnaccel.layers.reshape import *
from nnaccel.layers.residual import *
from nnaccel.layers.up_sampling2d import *
from nnaccel.layers.zero_pad2d import *

__all__ = sorted(
    name for name, value in vars().items() if name[0] != "_" and not inspect.ismodule(value)
)

if not typing.TYPE_CHECKING:  # to a type checker any name would be there
    __getattr__ = _foreign.missing(__name__, __all__)
