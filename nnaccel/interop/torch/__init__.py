"""PyTorch modules and functions that are computed by nnaccel's kernels, gradients included.

`accelerate` swaps them into a model that there is, and `restore` takes them out again. They run on
the CPU, in float32 and float64; anything else goes to PyTorch's own code, as does what is traced
or compiled.
"""

from nnaccel.interop.torch.functional import (
    activate,
    avg_pool2d,
    batch_norm,
    conv2d,
    conv_transpose2d,
    linear,
    max_pool2d,
)
from nnaccel.interop.torch.modules import *
from nnaccel.interop.torch.modules import __all__ as _modules
from nnaccel.interop.torch.swapping import Report, accelerate, restore

__all__ = [
    "Report",
    "accelerate",
    "activate",
    "avg_pool2d",
    "batch_norm",
    "conv2d",
    "conv_transpose2d",
    "linear",
    "max_pool2d",
    "restore",
    *_modules,
]
