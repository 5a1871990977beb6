"""Kernels on PyTorch's tensors: the plain ones, with products, convolutions and pooling by PyTorch.

What is named `Array` wraps a tensor in NumPy's manners; kernels are called with the tensors inside.
"""

from nnaccel_kernels.lookup import Kernels, kernels_in
from nnaccel_kernels.reference import kernels as plain
from nnaccel_kernels.torch.array import Array, backend_name, on_tensors
from nnaccel_kernels.torch.functions import Functions

_fast = Kernels({name: on_tensors(kernel) for name, kernel in kernels_in(__name__).items()})

kernels = _fast.above(plain, on_tensors)

__all__ = ["Array", "Functions", "backend_name", "kernels"]
