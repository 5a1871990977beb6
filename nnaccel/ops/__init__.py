"""Functions on arrays, forward and backward, on the backend of the arrays."""

import inspect

from nnaccel.ops.activation import *
from nnaccel.ops.columns import *
from nnaccel.ops.conv import *
from nnaccel.ops.conv_transpose import *
from nnaccel.ops.dense import *
from nnaccel.ops.dropout import *
from nnaccel.ops.join import *
from nnaccel.ops.layer_norm import *
from nnaccel.ops.loss import *
from nnaccel.ops.norm import *
from nnaccel.ops.pad import *
from nnaccel.ops.pool import *
from nnaccel.ops.self_gated import *
from nnaccel.ops.softmax import *

__all__ = sorted(
    name for name, value in vars().items() if name[0] != "_" and not inspect.ismodule(value)
)
