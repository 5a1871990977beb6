"""Which way of computing something is fastest on a device: measured once, and kept on disk.

Ways differ in how they round, so a choice must not change from one run of a program to the next.
"""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Callable
from typing import Any

from numba import config

from nnaccel_kernels.cuda.runtime.cublas import uses_tf32
from nnaccel_kernels.cuda.runtime.ptx import toolchain
from nnaccel_kernels.disk_cache import disk_cache

_log = logging.getLogger("nnaccel")
_WARM_UPS, _RUNS = 2, 3

_won: dict[str, dict[str, tuple[str, str]]] = {}  # by device, then by what is computed


def fastest(kind: tuple[Any, ...], draw: Callable[[Any], dict[str, Any]]) -> tuple[str, str] | None:
    """Return the name of the fastest way and what all of them took; None if there is no telling.

    Parameters
    ----------
    kind : tuple
        What is computed, of which sizes: what was measured for it holds from then on.
    draw : callable
        From CuPy to the functions that compute it, by name, on arrays of their own. One that there
        is not on this device raises a NotImplementedError.
    """
    cupy = sys.modules.get("cupy")
    if cupy is None or config.ENABLE_CUDASIM:
        return None
    device, key = _device(cupy), repr((*kind, "TF32")) if uses_tf32() else repr(kind)
    won = _won[device] if device in _won else _won.setdefault(device, _read(device))
    if key not in won:
        if cupy.cuda.get_current_stream().is_capturing():
            return None
        try:
            times = _times(cupy, draw(cupy))
        except Exception as error:  # short of memory, say: there is a rule to go by
            _log.info("nothing was measured for %s: %s", key, error)
            return None
        told = ", ".join(f"{name} {ms:.3g}" for name, ms in sorted(times.items()))
        won[key] = min(times, key=times.__getitem__), f"the fastest here, in ms: {told}"
        _keep(device, won)
    return won[key]


def _times(cupy: Any, ways: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Milliseconds of each way that there is on this device."""
    times = {}
    for name, run in ways.items():
        try:
            times[name] = _time(cupy, run)
        except NotImplementedError as error:
            _log.info("%s", error)
    return times


def _time(cupy: Any, run: Callable[[], None]) -> float:
    """Milliseconds of one run, once all is compiled."""
    for _ in range(_WARM_UPS):
        run()
    begin, end = cupy.cuda.Event(), cupy.cuda.Event()
    begin.record()
    for _ in range(_RUNS):
        run()
    end.record()
    end.synchronize()
    return float(cupy.cuda.get_elapsed_time(begin, end)) / _RUNS


def numbers(cupy: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """An array to measure with, between 0 and 1: a device may be quicker with zeros."""
    flat = cupy.arange(math.prod(shape), dtype="f4")
    return (flat * 0.37 % 1).astype(dtype).reshape(shape)


def _device(cupy: Any) -> str:
    """Name of the current device."""
    runtime = cupy.cuda.runtime
    number = runtime.getDevice()
    if number not in _names:
        _names[number] = runtime.getDeviceProperties(number)["name"].decode()
    return _names[number]


_names: dict[int, str] = {}


def _file(device: str) -> str:
    return f"fastest-{''.join(c if c.isalnum() else '-' for c in device)}.json"


def _read(device: str) -> dict[str, tuple[str, str]]:
    """What was measured on such a device, by these kernels."""
    try:
        kept = json.loads(disk_cache().read(_file(device)) or "{}")
        won = kept["won"] if kept["by"] == toolchain() else {}
        return {key: (str(name), str(why)) for key, (name, why) in won.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _keep(device: str, won: dict[str, tuple[str, str]]) -> None:
    """Keep what was measured, and what another process measured meanwhile."""
    kept = {"by": toolchain(), "won": won | _read(device)}
    disk_cache().write(_file(device), json.dumps(kept).encode())
