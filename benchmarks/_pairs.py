"""nnaccel against one peer, on one thread each, in CPU time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nnaccel.backends import set_backend
from nnaccel.bench.timing import take_short_turns, use_cpu_time


def begin() -> None:
    """Count CPU time, and let nnaccel and PyTorch use one thread."""
    use_cpu_time()
    import torch

    torch.set_num_threads(1)
    set_backend("numba")


def race(
    name: str,
    runs: Mapping[str, Callable[[], Any]],
    repeats: int,
    *,
    seconds: float = 0.02,
    steps: int = 1,
    width: int = 45,
) -> dict[str, Any]:
    """Print and return the microseconds a step of 'nnaccel' and 'peer', and the median ratio.

    A turn takes `seconds`.
    """
    turns = take_short_turns(runs, repeats, seconds=seconds, pause=0, title=f"{name}: ")
    ratio = float(np.median(np.divide(turns["peer"], turns["nnaccel"])))
    us = [1e6 * float(np.median(turns[who])) / steps for who in ("nnaccel", "peer")]
    print(f"{name:{width}} {us[0]:9.1f} µs {us[1]:9.1f} µs {ratio:6.2f}", flush=True)
    return {"name": name, "nnaccel_us": us[0], "peer_us": us[1], "ratio": ratio}
