"""Data-parallel training on several processes: MPI on CPUs, NCCL on GPUs.

`init` finds what started this process; `model.fit(..., distributed=comm)` trains with the others.
"""

import typing

from nnaccel import _foreign
from nnaccel.distributed._init import init

__all__ = ["init"]

if not typing.TYPE_CHECKING:  # to a type checker any name would be there
    __getattr__ = _foreign.missing(__name__, __all__)
