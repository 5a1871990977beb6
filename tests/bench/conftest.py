from __future__ import annotations

from collections.abc import Iterator

import pytest

from nnaccel.bench.images import synthetic
from nnaccel.bench.machine import Machine
from nnaccel.bench.problem import Problem

from .quick import hurry


@pytest.fixture(scope="package", autouse=True)
def _hurry() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        yield


@pytest.fixture
def problem() -> Problem:
    images = synthetic(rows=205, features=30)
    return Problem(images.x, images.y, hidden=(16, 12), batch_size=20)


@pytest.fixture(scope="session")
def machine() -> Machine:
    return Machine(
        cpu="a CPU",
        cores=2,
        vector_bits=256,
        caches={"L2": "1M"},
        system="Linux",
        python="3.11",
        libraries={"numpy": "2"},
        blas=[],
        load=None,
        gflops_one_thread=9.0,
        gflops=17.0,
        copy_gb_per_s=8.0,
    )
