"""Packages that a plain install does not have."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def require(package: str) -> Any:
    """Return the module `package`.

    Raises
    ------
    ModuleNotFoundError
        If it is not installed; the message says how to.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package.partition(".")[0]:
            raise
        raise ModuleNotFoundError(
            f"this needs the package {error.name}. To fix: pip install {error.name}",
            name=error.name,
        ) from None
