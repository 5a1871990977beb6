"""The rate of a large matrix product on a GPU: the ceiling of all that multiplies."""

from __future__ import annotations

import gpu_torch
import numpy as np
from gpu_kernels import numbers
from gpu_report import OURS, Row
from gpu_timing import cupy_clock, medians, require_close, timed, torch_clock
from gpu_torch import EAGER

import nnaccel as nn
from nnaccel.backends import loop

_CHECKED = 64  # rows


def product(size: int = 8192) -> list[Row]:
    """TFLOP/s of a product of square float32 matrices."""
    host = numbers(size, size)
    with nn.use_backend("cupy"), gpu_torch.settings():
        x, w = nn.asarray(host), nn.asarray(host.T.copy())
        got = nn.to_numpy(nn.ops.linear(x, w)[:_CHECKED])
        wanted = host[:_CHECKED].astype(np.float64) @ host.T.astype(np.float64)
        errors = {"float64 NumPy": require_close("the product", got, wanted)}
        contestants = {OURS: timed(loop(lambda: nn.ops.linear(x, w)), cupy_clock)}
        if gpu_torch.is_available():
            import torch

            a = torch.from_numpy(host).to(gpu_torch.DEVICE)
            b = a.T.contiguous()
            contestants[EAGER] = timed(loop(lambda: torch.matmul(a, b)), torch_clock)
        ms = medians(contestants)
    rates = {who: 2 * size**3 / each / 1e9 for who, each in ms.items()}
    return [Row(f"product of {size}x{size}, float32", "TFLOP/s", rates, errors)]
