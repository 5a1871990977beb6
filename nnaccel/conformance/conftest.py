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


@pytest.fixture(autouse=True)
def _skip_float64(request: pytest.FixtureRequest, backend: Backend) -> None:
    """Leave out what is about float64 where there is none."""
    parameters = getattr(request.node, "callspec", None)
    if parameters and parameters.params.get("dtype") == "float64" and not backend.doubles:
        pytest.skip(f"{backend.name} has no float64")
