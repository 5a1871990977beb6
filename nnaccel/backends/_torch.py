"""The backend `torch`: plain kernels on PyTorch's tensors, through the door of any package."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from nnaccel.backends._backend import Backend, BackendInfo

_INSTALL = "pip install torch"


def probe(device: str) -> BackendInfo:
    """Return whether PyTorch is here and computes in float64 on a device, the CPU by default."""
    if importlib.util.find_spec("torch") is None:
        return BackendInfo("torch", False, "not installed", _INSTALL)
    torch: Any = importlib.import_module("torch")
    version = str(torch.__version__)
    try:  # sums of metrics are taken in float64, which not every device has
        float(torch.zeros(1, dtype=torch.float64, device=device or "cpu").sum())
    except (AssertionError, NotImplementedError, RuntimeError, TypeError) as error:
        words = str(error).strip().splitlines()[0]
        remedy = "choose 'torch', which is the CPU"
        return BackendInfo("torch", False, f"no float64 on {device}: {words}", remedy, "", version)
    where = device or f"processor, {torch.get_num_threads()} threads"
    return BackendInfo("torch", True, device=where, version=version)


def make(device: str) -> Backend:
    """Return the backend for a device."""
    torch: Any = importlib.import_module("torch")
    kernels: Any = importlib.import_module("nnaccel_kernels.torch")
    place = torch.empty(0, device=device or "cpu").device  # 'cuda' becomes 'cuda:0'
    return Backend(
        kernels.backend_name(place),
        kernels.Functions(place),
        probe(device).device,
        kernels.kernels,
        on_host=False,
        synchronize=lambda: _synchronize(torch, place),
    )


def _synchronize(torch: Any, place: Any) -> None:
    if place.type != "cpu":
        getattr(torch, place.type).synchronize(place)
