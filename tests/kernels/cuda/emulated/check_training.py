"""Training with the compiled CUDA kernels, emulated, with steps captured and replayed."""

from __future__ import annotations

from typing import Any

import pytest

from nnaccel_kernels.cuda import conv2d, linear
from tests import fake_cupy as fake
from tests.fake_cupy import fake_cupy  # noqa: F401

from ..simulated.check_training import CASES, assert_same_numbers


@pytest.fixture(autouse=True)
def _cuda_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in for CuPy has the CUDA kernels, and no clock to choose among them by."""

    def nothing_to_measure(*_: Any) -> None: ...

    monkeypatch.setitem(fake.runs_cuda, "on", True)
    for module in (conv2d, linear):
        monkeypatch.setattr(module, "autotune", nothing_to_measure)


@pytest.mark.filterwarnings("ignore:overflow encountered")  # as unsigned integers do
@pytest.mark.filterwarnings("ignore:invalid value encountered")  # where the loss scale is too large
@pytest.mark.usefixtures("fake_cupy")
@pytest.mark.parametrize("case", CASES[::3])
def test_captured_steps_give_numpys_numbers(monkeypatch: pytest.MonkeyPatch, case: Any) -> None:
    assert_same_numbers(monkeypatch, *case)
