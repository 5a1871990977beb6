"""Checks that can be run in parts, each in a process of its own."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--part 2/4`: the second of four parts."""
    parser.addoption("--part", default="1/1", help="which of how many parts of the checks: 2/4")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the items of one part, spread over all there are."""
    part, parts = map(int, config.getoption("--part").split("/"))
    items[:] = items[part - 1 :: parts]
