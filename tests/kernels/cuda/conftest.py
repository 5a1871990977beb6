"""The stand-in for cuBLAS, and parts of checks, for the tests of this folder."""

from .cublas import library  # noqa: F401
from .parts import pytest_addoption, pytest_collection_modifyitems  # noqa: F401
