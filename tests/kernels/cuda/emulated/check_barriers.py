"""Without any one of its barriers, a kernel is found to be wrong: the checks are not blind.

The last barrier of a sum over a block lets the next sum begin, and where there is none it is idle.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from nnaccel.conformance.calls import CALLS
from nnaccel_kernels import cuda

from ..emulator import KernelError
from .conftest import Launches

BARRIER = re.compile(r"^\s*bar\.sync\s.*$", re.MULTILINE)
ENDS_WITH_A_SUM = {"add_sum", "layer_norm", "softmax_cross_entropy"}


def call(function: str) -> None:
    name = function.removesuffix("_gemm")
    sizes = (50, 12) if name == "sum_channels" else (5, 300)  # columns that share a block's sums
    args: dict[str, Any] = CALLS[name](np.random.default_rng(1), *sizes, np.float32)
    if name != function:
        args["algorithm"] = "gemm"
    getattr(cuda.kernels, name)(**args)


@pytest.mark.parametrize("function", ["conv2d_gemm", "sum_channels", *sorted(ENDS_WITH_A_SUM)])
def test_every_barrier_is_missed(function: str, launches: Launches) -> None:
    call(function)
    count = max(len(BARRIER.findall(ptx)) for ptx in launches)
    assert count
    for number in range(count - (function in ENDS_WITH_A_SUM)):

        def without(ptx: str, number: int = number) -> str:
            found = list(BARRIER.finditer(ptx))
            if len(found) < count:
                return ptx
            return ptx[: found[number].start()] + ptx[found[number].end() :]

        launches.rewrite = without
        with pytest.raises(KernelError, match=r"race|before it is written"):
            call(function)
