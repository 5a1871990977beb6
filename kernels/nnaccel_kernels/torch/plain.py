"""The plain kernels on tensors, those of 16 bits included."""

from nnaccel_kernels.lookup import Kernels, kernels_in
from nnaccel_kernels.torch.half import in_float32

_found = kernels_in("nnaccel_kernels.reference")

plain = Kernels({name: in_float32(kernel) for name, kernel in _found.items()})
