"""The backend under test: the one that NNACCEL_BACKEND names, else the usual one."""

from __future__ import annotations

import pytest

from nnaccel.backends import Backend, get_backend


def pytest_report_header() -> str:
    """Say what is tested."""
    backend = get_backend()
    return f"nnaccel backend: {backend.name} on {backend.device}"


@pytest.fixture(scope="session")
def backend() -> Backend:
    """Return the backend under test."""
    return get_backend()
