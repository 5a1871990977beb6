"""Numba's compilers, whose machine code is kept in the kernels' cache, not beside the sources."""

from __future__ import annotations

import functools
import hashlib
import pickle
from collections.abc import Callable
from typing import Any

import numba
from numba.core.caching import NullCache
from numba.core.ccallback import CFunc
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps
from numba.core.sigutils import normalize_signature

from nnaccel_kernels.disk_cache import disk_cache
from nnaccel_kernels.fingerprint import fingerprint

#: Called with machine code from the disk before it is loaded.
before_loading: list[Callable[[bytes], None]] = []


def njit(function: Callable[..., Any] | None = None, cache: bool = False, **options: Any) -> Any:
    """Compile a function when it is called, as `numba.njit` does."""
    if function is None:
        return functools.partial(njit, cache=cache, **options)
    compiled = numba.njit(**options)(function)
    if cache and not numba.config.DISABLE_JIT:
        compiled._cache = OnDisk(function)
    return compiled


def cfunc(function: Callable[..., Any], signature: Any, **options: Any) -> Any:
    """Compile a C function now, as `numba.cfunc` does."""
    code: Any = CFunc(function, normalize_signature(signature), {}, options)
    code._cache = OnDisk(function, "C")
    code.compile()
    return code


class OnDisk(NullCache):  # type: ignore[misc]
    """Machine code of one function, for each signature that it is compiled for.

    Only of functions of this package: the sources of others are not part of the build.

    Parameters
    ----------
    function : callable
        In Python.
    convention : str, default 'Numba'
        How the machine code is called.
    """

    def __init__(self, function: Callable[..., Any], convention: str = "Numba") -> None:
        self._function = function
        self._convention = convention
        self._is_ours = function.__module__.startswith("nnaccel_kernels.")

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Return what was compiled before, or None."""
        target.refresh()
        name = self._name(signature)
        content = disk_cache().read(name) if self._is_ours else None
        if content is None:
            return None
        for prepare in before_loading:
            prepare(content)
        try:
            return CompileResult._rebuild(target, *pickle.loads(content))
        except Exception:  # whatever is wrong with it, it can be compiled again
            disk_cache().discard(name)
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep what was compiled, unless it holds addresses of this process."""
        if self._is_ours and disk_cache().folder and not compiled.library.has_dynamic_globals:
            disk_cache().write(self._name(signature), dumps(compiled._reduce()))

    def _name(self, signature: Any) -> str:
        parts = self._convention, str(signature), *fingerprint(self._function)
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
        return f"{self._function.__name__}-{digest}.nbc"
