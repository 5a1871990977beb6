"""Options of the checks."""

from ..parts import pytest_addoption, pytest_collection_modifyitems  # noqa: F401
