"""Settings from the environment; the only module that reads `os.environ`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from nnaccel import _validate

BACKENDS = ("numpy", "numba", "cupy")
_ON, _OFF = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")
_ALIASES = {"cuda": "cupy", "gpu": "cupy", "cpu": "numba"}


def parse_backend(name: object, source: str = "backend") -> str:
    """Backend name in its one spelling: 'auto', 'numpy', 'numba' or 'cupy'."""
    if not isinstance(name, str):
        raise TypeError(f"{source} must be a string such as 'numba', not {type(name).__name__}")
    folded = name.strip().lower()
    folded = _ALIASES.get(folded, folded)
    if folded not in ("auto", *BACKENDS):
        raise ValueError(_validate.unknown_name(source, name, ("auto", *BACKENDS, *_ALIASES)))
    return folded


def backend_name() -> str:
    """What `NNACCEL_BACKEND` asks for; 'auto' when it is unset or blank."""
    return parse_backend(os.environ.get("NNACCEL_BACKEND", "").strip() or "auto", "NNACCEL_BACKEND")


def num_threads() -> int:
    """Threads for CPU kernels: `NNACCEL_NUM_THREADS`, else the processors this process may use."""
    available = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    text = os.environ.get("NNACCEL_NUM_THREADS", "").strip()
    return _whole_number("NNACCEL_NUM_THREADS", text) if text else available


def data_dir() -> Path | None:
    """Folder that `NNACCEL_DATA` names, where data sets are looked for first."""
    text = os.environ.get("NNACCEL_DATA", "").strip()
    return Path(text).expanduser() if text else None


def cache_dir() -> Path:
    """Folder for downloads and compiled kernels: `NNACCEL_CACHE`, else the user's cache."""
    text = os.environ.get("NNACCEL_CACHE", "").strip()
    if text:
        return Path(text).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", "~/AppData/Local"))
    elif sys.platform == "darwin":
        base = Path("~/Library/Caches")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", "") or "~/.cache")
    return base.expanduser() / "nnaccel"


def kernel_dir() -> Path | None:
    """Folder for compiled kernels; None for a user who has no folder at all."""
    try:
        return cache_dir() / "kernels"
    except RuntimeError:  # neither NNACCEL_CACHE nor a home
        return None


def workspace_bytes(default: int) -> int:
    """Memory an op may take for itself: `NNACCEL_WORKSPACE_MB` times 2**20, else `default`."""
    text = os.environ.get("NNACCEL_WORKSPACE_MB", "").strip()
    return _whole_number("NNACCEL_WORKSPACE_MB", text, least=0) << 20 if text else default


def tf32() -> bool:
    """Whether `NNACCEL_TF32` lets a GPU round the factors of float32 products; not by default."""
    text = os.environ.get("NNACCEL_TF32", "").strip().lower()
    if text not in (*_ON, *_OFF):
        raise ValueError(f"NNACCEL_TF32={text!r} must be 1 or 0")
    return text in _ON


def _whole_number(name: str, text: str, least: int = 1) -> int:
    """Integer of at least `least` from the text of the variable `name`."""
    if not text.isdecimal() or int(text) < least:
        raise ValueError(f"{name}={text!r} is not a whole number of at least {least}")
    return int(text)
