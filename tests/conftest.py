"""What every test may use: a fixture that runs it on each backend, and the real MNIST."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from nnaccel import _config

from .each_backend import CUPY, GPU_REQUIRED, TORCH, activated
from .progress import Progress

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


def pytest_configure(config: pytest.Config) -> None:
    """Let the process that reports say how the run goes, and share the cores out to its workers."""
    if hasattr(config, "workerinput"):
        return
    config.pluginmanager.register(Progress(config))
    if workers := getattr(config.option, "numprocesses", None):
        threads = str(max(1, _config.num_threads() // workers))
        for variable in ("NNACCEL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ.setdefault(variable, threads)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow tests, so that no worker is left with one when the others are done."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under NNACCEL_REQUIRE_GPU=1 a test marked `gpu` that is skipped, wherever, has failed."""
    report = yield
    required = GPU_REQUIRED and item.get_closest_marker("gpu")
    if required and report.skipped and not hasattr(report, "wasxfail"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"NNACCEL_REQUIRE_GPU=1 allows no skip of a gpu test: {why}"
    return report


@pytest.fixture(scope="session", autouse=True)
def _kernels_on_disk() -> None:
    """Keep what tests compile where nnaccel does, also of tests that call kernels themselves."""
    from nnaccel_kernels.disk_cache import set_root

    set_root(_config.kernel_dir())


@pytest.fixture(params=["numpy", "numba", *CUPY, *TORCH])
def backend(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Run the test once on each backend, which is the active one meanwhile."""
    yield from activated(request.param)


@pytest.fixture(params=["numba", *CUPY, *TORCH])
def fast_backend(request: pytest.FixtureRequest) -> Iterator[Any]:
    """As `backend`, without NumPy: for tests that compare with it."""
    yield from activated(request.param)


@pytest.fixture(params=["numpy", *CUPY, *TORCH])
def half_backend(request: pytest.FixtureRequest) -> Iterator[Any]:
    """As `backend`, for those whose kernels take numbers of 16 bits."""
    yield from activated(request.param)


@pytest.fixture(scope="session")
def real_mnist() -> Any:
    """Give `(x, y), (x_test, y_test)`: MNIST itself, where NNACCEL_DATA has it."""
    folder = Path(os.environ.get("NNACCEL_DATA") or os.devnull)
    if not any(any(folder.glob(f"{sub}train-images*")) for sub in ("", "mnist/")):
        pytest.skip("no MNIST in NNACCEL_DATA")
    from nnaccel.data import mnist

    return mnist()
