"""The backend `torch`: plain kernels on PyTorch's tensors, through the door of any package."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from nnaccel.backends import _capture
from nnaccel.backends._backend import Backend, BackendInfo, Replay, Step
from nnaccel.backends._torch_graphs import TorchGraphs

_INSTALL = "pip install 'torch>=2.5', as the extra torch does"


def probe(device: str) -> BackendInfo:
    """Return whether PyTorch is here and computes on a device, the CPU by default."""
    if importlib.util.find_spec("torch") is None:
        return BackendInfo("torch", False, "not installed", _INSTALL)
    torch: Any = importlib.import_module("torch")
    version = str(torch.__version__)
    try:
        float(torch.zeros(1, device=device or "cpu").sum())
    except (AssertionError, NotImplementedError, RuntimeError, TypeError) as error:
        words = str(error).strip().splitlines()[0]
        remedy = "choose 'torch', which is the CPU"
        return BackendInfo("torch", False, f"no {device}: {words}", remedy, "", version)
    where = device or f"processor, {torch.get_num_threads()} threads"
    return BackendInfo("torch", True, device=where, version=version)


def make(device: str) -> Backend:
    """Return the backend for a device."""
    torch: Any = importlib.import_module("torch")
    ours: Any = importlib.import_module("nnaccel_kernels.torch")
    place = torch.empty(0, device=device or "cpu").device  # 'cuda' becomes 'cuda:0'
    backend = Backend(
        ours.backend_name(place),
        ours.Functions(place),
        probe(device).device,
        ours.kernels,
        _recorded(ours.record),
        ours.recording,
        ours.host,
        on_host=False,
        halves=True,
        doubles=ours.has_float64(place),
        synchronize=lambda: _synchronize(torch, place),
    )
    return captured(backend, TorchGraphs(torch.cuda, place)) if place.type == "cuda" else backend


def _recorded(record: Any) -> Callable[[Step], Replay]:
    """Return the recording of steps as rows to call."""

    def recorded(step: Step) -> Replay:
        rows: list[Step] | None = None

        def replay(repeats: int) -> None:
            nonlocal rows
            if rows is None:
                with record() as noted:
                    step()
                rows = noted
            for _ in range(repeats):
                for row in rows:
                    row()

        return replay

    return recorded


def captured(backend: Backend, graphs: TorchGraphs) -> Backend:
    """Return the backend of a GPU: its steps are captured as CUDA graphs."""
    return replace(
        backend,
        has_room=graphs.has_room,
        record=functools.partial(_capture.record, graphs),
        recording=_capture.recording,
        host=_capture.host,
    )


def _synchronize(torch: Any, place: Any) -> None:
    if place.type != "cpu":
        getattr(torch, place.type).synchronize(place)
