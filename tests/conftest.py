"""What every test may use: a fixture that runs it on each backend, and the real MNIST."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "nnaccel",
    max_examples=25,
    deadline=None,  # the first example of a kernel compiles it
    derandomize="CI" in os.environ,
    # A loaded machine draws slowly; the `backend` fixture is the same for all examples of a test.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("nnaccel")

# Shells let what they start in the background ignore Ctrl-C, which some tests are about.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under NNACCEL_REQUIRE_GPU=1 a test marked `gpu` that is skipped, wherever, has failed."""
    report = yield
    required = os.environ.get("NNACCEL_REQUIRE_GPU") == "1" and item.get_closest_marker("gpu")
    if required and report.skipped and not hasattr(report, "wasxfail"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"NNACCEL_REQUIRE_GPU=1 allows no skip of a gpu test: {why}"
    return report


@pytest.fixture(scope="session", autouse=True)
def _kernels_on_disk() -> None:
    """Keep what tests compile where nnaccel does, also of tests that call kernels themselves."""
    from nnaccel import _config
    from nnaccel_kernels.disk_cache import set_root

    set_root(_config.kernel_dir())


_CUPY = pytest.param("cupy", marks=pytest.mark.gpu)


@pytest.fixture(params=["numpy", "numba", _CUPY])
def backend(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Run the test once on each backend, which is the active one meanwhile."""
    yield from _active(request.param)


@pytest.fixture(params=["numpy", _CUPY])
def half_backend(request: pytest.FixtureRequest) -> Iterator[Any]:
    """As `backend`, for those whose kernels take numbers of 16 bits."""
    yield from _active(request.param)


def _active(name: str) -> Iterator[Any]:
    from nnaccel.backends import backends, get_backend, use_backend

    info = backends()[name]
    if not info.available:
        required = name != "cupy" or os.environ.get("NNACCEL_REQUIRE_GPU") == "1"
        (pytest.fail if required else pytest.skip)(f"{name}: {info.reason}")
    with use_backend(name):
        yield get_backend()


@pytest.fixture(scope="session")
def real_mnist() -> Any:
    """Give `(x, y), (x_test, y_test)`: MNIST itself, where NNACCEL_DATA has it."""
    folder = Path(os.environ.get("NNACCEL_DATA") or os.devnull)
    if not any(any(folder.glob(f"{sub}train-images*")) for sub in ("", "mnist/")):
        pytest.skip("no MNIST in NNACCEL_DATA")
    from nnaccel.data import mnist

    return mnist()
