"""Chooses the fastest way to compute something on a device, measured once and kept on disk.

Candidates round differently, so a choice must not change from one run of a program to the next.
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
from nnaccel_kernels.cuda.runtime.toolkit import toolchain
from nnaccel_kernels.disk_cache import disk_cache

_log = logging.getLogger("nnaccel")
_WARM_UPS, _RUNS = 2, 3

_choices: dict[str, dict[str, tuple[str, str]]] = {}  # by device, then by problem
_failed: set[tuple[str, str]] = set()  # devices and problems that this process measures no more
_device_names: dict[int, str] = {}


def autotune(
    problem: tuple[Any, ...], candidates: Callable[[Any], dict[str, Any]] | None
) -> tuple[str, str] | None:
    """Return the name of the fastest candidate and the reason, with all times.

    None where nothing can be measured: in the simulator, during a capture, or after an error, which
    holds for the rest of the process.

    Parameters
    ----------
    problem : tuple
        What is computed, and its sizes. A choice is made once for each problem.
    candidates : callable
        From CuPy to functions by name, each of which computes the problem on arrays of its own. A
        candidate that this device does not support raises NotImplementedError. None looks up an
        earlier choice and measures nothing.
    """
    cupy = sys.modules.get("cupy")
    if cupy is None or config.ENABLE_CUDASIM:
        return None
    device, key = _device(cupy), repr((*problem, "TF32")) if uses_tf32() else repr(problem)
    choices = _choices[device] if device in _choices else _choices.setdefault(device, _read(device))
    if key not in choices:
        if candidates is None or (device, key) in _failed:
            return None
        if cupy.cuda.get_current_stream().is_capturing():
            return None
        try:
            times = _times(cupy, candidates(cupy))
        except Exception as error:  # such as too little memory: the caller has a default
            _log.info("nothing was measured for %s: %s", key, error)
            _failed.add((device, key))
            return None
        listed = ", ".join(f"{name} {ms:.3g}" for name, ms in sorted(times.items()))
        choices[key] = min(times, key=times.__getitem__), f"the fastest here, in ms: {listed}"
        _save(device, choices)
    return choices[key]


def sample_input(cupy: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """An array of numbers between 0 and 1 to measure with; zeros may be faster than data."""
    flat = cupy.arange(math.prod(shape), dtype="f4")
    return (flat * 0.37 % 1).astype(dtype).reshape(shape)


def _times(cupy: Any, candidates: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Milliseconds of each candidate that this device supports."""
    times = {}
    for name, run in candidates.items():
        try:
            times[name] = _time(cupy, run)
        except NotImplementedError as error:
            _log.info("%s", error)
    return times


def _time(cupy: Any, run: Callable[[], None]) -> float:
    """Milliseconds of one run after warming up."""
    for _ in range(_WARM_UPS):
        run()
    begin, end = cupy.cuda.Event(), cupy.cuda.Event()
    begin.record()
    for _ in range(_RUNS):
        run()
    end.record()
    end.synchronize()
    return float(cupy.cuda.get_elapsed_time(begin, end)) / _RUNS


def _device(cupy: Any) -> str:
    """Name of the current device."""
    runtime = cupy.cuda.runtime
    number = runtime.getDevice()
    if number not in _device_names:
        _device_names[number] = runtime.getDeviceProperties(number)["name"].decode()
    return _device_names[number]


def _file(device: str) -> str:
    return f"autotune-{''.join(c if c.isalnum() else '-' for c in device)}.json"


def _read(device: str) -> dict[str, tuple[str, str]]:
    """Choices made on such a device with these kernels; none if the file is missing or broken."""
    try:
        saved = json.loads(disk_cache().read(_file(device)) or "{}")
        choices = saved["choices"] if saved["toolchain"] == toolchain() else {}
        return {key: (str(name), str(why)) for key, (name, why) in choices.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _save(device: str, choices: dict[str, tuple[str, str]]) -> None:
    """Save what was measured, and what another process measured meanwhile."""
    saved = {"toolchain": toolchain(), "choices": choices | _read(device)}
    disk_cache().write(_file(device), json.dumps(saved).encode())
