"""Fast kernels for CUDA devices, on CuPy arrays, or on NumPy arrays under Numba's simulator.

Importing this needs Numba but no driver: a kernel is compiled when it is first called.
"""

from nnaccel_kernels.cuda.runtime.cublas import lease, set_tf32, uses_tf32
from nnaccel_kernels.cuda.runtime.toolkit import libnvvm
from nnaccel_kernels.lookup import Kernels, kernels_in

kernels = Kernels(kernels_in(__name__))

__all__ = ["kernels", "lease", "libnvvm", "set_tf32", "uses_tf32"]
