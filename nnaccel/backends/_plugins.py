"""Backends that are found by name: nnaccel's own and those of installed packages.

A package offers one by an entry point in the group `nnaccel.backends`, which names an object with
two functions, `probe` and `make` (`docs/backends.md`). nnaccel's own `torch` is such an object too.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nnaccel import _validate
from nnaccel.backends._backend import Backend, BackendInfo, BackendUnavailableError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_log = logging.getLogger("nnaccel")

GROUP = "nnaccel.backends"
BUILT_IN = ("numpy", "numba", "cupy")
_ALIASES = {"cuda": "cupy", "gpu": "cupy", "cpu": "numba"}
_OWN = {"torch": "nnaccel.backends._torch"}


def parse(name: object, source: str = "backend") -> str:
    """Return a backend's name normalised: 'auto', or one that is known, such as 'numba'.

    That of a package may be followed by a device: 'name:device'.
    """
    if not isinstance(name, str):
        raise TypeError(f"{source} must be a string such as 'numba', not {type(name).__name__}")
    folded = name.strip().lower()
    folded = _ALIASES.get(folded, folded)
    if folded in ("auto", *BUILT_IN) or folded.partition(":")[0] in offers():
        return folded
    choices = "auto", *BUILT_IN, *offers(), *_ALIASES
    raise ValueError(_validate.unknown_name(source, name, choices))


@functools.cache
def offers() -> dict[str, list[EntryPoint]]:
    """Return the entry points of backends that are not built in, by name in lower case."""
    from importlib.metadata import EntryPoint, entry_points

    found = {name: [EntryPoint(name, value, GROUP)] for name, value in _OWN.items()}
    for entry in entry_points(group=GROUP):
        name = entry.name.lower()
        if name in (*BUILT_IN, *_OWN):
            text = "%s has a backend called %r, which is nnaccel's own: it is left out"
            _log.warning(text, entry.dist and entry.dist.name, name)
        else:
            found.setdefault(name, []).append(entry)
    return found


def probe_plugin(name: str) -> BackendInfo:
    """Return the state of a package's backend; one that is broken cannot run, and says why."""
    root, _, device = name.partition(":")
    try:
        info = _load(root, "probe")(device)
        if not isinstance(info, BackendInfo):
            raise TypeError(f"probe returned {type(info).__name__}, not a BackendInfo")
    except Exception as error:
        return BackendInfo(name, False, f"broken: {brief(error)}", _remedy(root))
    return replace(info, name=name)


def make_plugin(name: str) -> Backend:
    """Return a package's backend.

    Raises
    ------
    BackendUnavailableError
        If the package is broken.
    """
    root, _, device = name.partition(":")
    try:
        backend = _load(root, "make")(device)
        if not isinstance(backend, Backend):
            raise TypeError(f"make returned {type(backend).__name__}, not a Backend")
        if backend.name.partition(":")[0] != root:
            raise ValueError(f"make returned a backend called {backend.name!r}")
    except Exception as error:
        raise BackendUnavailableError(
            f"backend {name!r} cannot run here: broken: {brief(error)}. To fix: {_remedy(root)}"
        ) from error
    return backend


def brief(error: Exception) -> str:
    """First line of an error, with its type."""
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"


def _load(root: str, function: str) -> Callable[[str], Any]:
    """Return a function of the object that an entry point names."""
    entries = offers()[root]
    if len(entries) > 1:
        raise ValueError(f"two packages have a backend of this name, {_packages(root)}")
    return getattr(entries[0].load(), function)  # type: ignore[no-any-return]


def _remedy(root: str) -> str:
    return f"update or uninstall {_packages(root)}"


def _packages(root: str) -> str:
    """Return the names of the packages that a backend is from."""
    names = {"nnaccel" if entry.dist is None else entry.dist.name for entry in offers()[root]}
    return " or ".join(sorted(names))
