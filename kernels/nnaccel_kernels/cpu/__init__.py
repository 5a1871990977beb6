"""Fast kernels for NumPy arrays: compiled loops on a thread pool, run at once or recorded."""

from nnaccel_kernels.cpu.runtime.buffers import buffer_store, empty
from nnaccel_kernels.cpu.runtime.foreign import call_c, can_call
from nnaccel_kernels.cpu.runtime.relocation import NotRelocatableError, Relocation
from nnaccel_kernels.cpu.runtime.tape import host, record, recording
from nnaccel_kernels.cpu.runtime.thread_pool import set_num_threads
from nnaccel_kernels.lookup import Kernels, kernels_in

kernels = Kernels(kernels_in(__name__))

__all__ = [
    "NotRelocatableError",
    "Relocation",
    "buffer_store",
    "call_c",
    "can_call",
    "empty",
    "host",
    "kernels",
    "record",
    "recording",
    "set_num_threads",
]
