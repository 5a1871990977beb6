"""Data-parallel training on several processes: MPI on CPUs, NCCL on GPUs.

`init` finds what started this process; `model.fit(..., distributed=comm)` trains with the others.
"""

from nnaccel.distributed._init import init

__all__ = ["init"]
