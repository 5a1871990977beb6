"""Kernels on PyTorch's tensors, by PyTorch's functions; the rest are the plain ones.

They read nothing from a GPU, so that a step can be captured.

What is named `Array` wraps a tensor in NumPy's manners; kernels are called with the tensors inside.
"""

from nnaccel_kernels.lookup import Kernels, kernels_in
from nnaccel_kernels.torch.array import Array, backend_name
from nnaccel_kernels.torch.dtypes import has_float64
from nnaccel_kernels.torch.functions import Functions
from nnaccel_kernels.torch.plain import plain
from nnaccel_kernels.torch.tape import host, on_arrays, record, recording

_fast = Kernels(
    {
        name: kernel if name == "conv2d_plan" else on_arrays(kernel)
        for name, kernel in kernels_in(__name__).items()
    }
)

kernels = _fast.above(plain, on_arrays)

__all__ = [
    "Array",
    "Functions",
    "backend_name",
    "has_float64",
    "host",
    "kernels",
    "record",
    "recording",
]
