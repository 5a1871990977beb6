"""Kernels by name, in layers: a backend's own fast ones above the plain ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

Function = Callable[..., Any]


def kernels_in(package: str) -> dict[str, Function]:
    """Return, by name, the functions that the modules of a package list in `__all__`."""
    modules = [
        import_module(f"{package}.{found.name}")
        for found in iter_modules(import_module(package).__path__)
        if not found.ispkg
    ]
    return {name: getattr(m, name) for m in modules for name in getattr(m, "__all__", ())}


class Kernels:
    """Kernels by name, as attributes: functions that fill arrays that they are given.

    Parameters
    ----------
    table : mapping of str to callable
    fast : iterable of str, optional
        Names of those that a backend has of its own; all by default.
    """

    def __init__(self, table: Mapping[str, Function], fast: Iterable[str] | None = None) -> None:
        self._table = dict(table)
        vars(self).update(table)  # found without a call
        self.fast = frozenset(table if fast is None else fast)

    def above(
        self, plain: Kernels, as_row: Callable[[Function], Function] | None = None
    ) -> Kernels:
        """Return these kernels, and the plain ones where there is none.

        `as_row` makes a row of a tape of a plain kernel.
        """
        below = {name: as_row(k) if as_row else k for name, k in plain._table.items()}
        return Kernels(below | self._table, self._table)

    def place(self, name: str) -> str:
        """Return a kernel's package, within nnaccel's own, and name, as in 'cpu.linear'."""
        package = getattr(self, name).__module__.removeprefix("nnaccel_kernels.")
        return f"{package.partition('.')[0]}.{name}"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"there is no kernel {name!r}")

    def __dir__(self) -> list[str]:
        return sorted(self._table)
