"""The examples of docstrings run, and give what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import nnaccel

from .bench.quick import hurry

MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(nnaccel.__path__, "nnaccel.")
    if not name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        if (error.name or "nnaccel").startswith("nnaccel"):
            raise
        pytest.skip(f"{error.name}: not installed")
    assert doctest.testmod(module).failed == 0
