"""The backend under test: the one that NNACCEL_BACKEND names, else the usual one."""

from __future__ import annotations

import pytest

from nnaccel.backends import Backend, BackendUnavailableError, get_backend


def pytest_report_collectionfinish() -> str:
    """Say what is tested, or end where it cannot run; for the header this file is read too late."""
    try:
        backend = get_backend()
    except (ValueError, BackendUnavailableError) as error:
        pytest.exit(str(error), returncode=2)
    return f"nnaccel backend: {backend.name} on {backend.device}"


@pytest.fixture(scope="session")
def backend() -> Backend:
    """Return the backend under test."""
    return get_backend()
