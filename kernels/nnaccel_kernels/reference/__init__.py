"""The plain definition of every kernel, on whole arrays."""

from nnaccel_kernels.lookup import Kernels, kernels_in
from nnaccel_kernels.reference.half import widened

# Arrays of 16-bit numbers are computed in float32.
kernels = Kernels({name: widened(kernel) for name, kernel in kernels_in(__name__).items()})

__all__ = ["kernels"]
