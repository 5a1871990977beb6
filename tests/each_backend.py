"""The backends that a test runs on: cupy only where a device answers, or where one is required.

Likewise torch only where PyTorch is installed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from nnaccel.backends._probe import probe

#: Whether tests marked `gpu` are wanted in any case: without a device they then fail.
GPU_REQUIRED = os.environ.get("NNACCEL_REQUIRE_GPU") == "1"

_cupy = probe("cupy")

#: Why there are no tests on cupy; empty where there are.
NO_GPU = "" if _cupy.available or GPU_REQUIRED else f"{_cupy.reason}: {_cupy.remedy}"

#: To be unpacked into the `params` of a fixture.
CUPY = [] if NO_GPU else [pytest.param("cupy", marks=pytest.mark.gpu)]


_torch = probe("torch")

#: Why there are no tests on torch; empty where there are.
NO_TORCH = "" if _torch.available else f"{_torch.reason}: {_torch.remedy}"

#: As `CUPY`.
TORCH = [] if NO_TORCH else ["torch"]


def activated(name: str) -> Iterator[Any]:
    """Make a backend the active one for a test, which fails where it cannot run."""
    from nnaccel.backends import backends, use_backend

    info = backends()[name]
    if not info.available:
        pytest.fail(f"{name}: {info.reason}")
    with use_backend(name) as chosen:
        yield chosen
