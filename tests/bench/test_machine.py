from __future__ import annotations

import dataclasses

import pytest
from numba import config

from nnaccel.bench import machine


@pytest.mark.skipif(config.DISABLE_JIT, reason="there is no peak to measure without the JIT")
def test_limits_are_positive_and_plausible() -> None:
    one = machine.measure_gflops(threads=1, repeats=2)
    assert 0.1 < one < 10_000


def test_copies_are_measured() -> None:
    assert machine.measure_copy(mebibytes=1, repeats=2) > 0


def test_the_description_names_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "measure_gflops", lambda threads: 10.0 * threads)
    monkeypatch.setattr(machine, "measure_copy", lambda: 5.0)
    found = machine.measure_machine()
    assert found.cpu
    assert found.cores >= 1
    assert found.gflops == 10.0 * found.cores
    assert {"numpy", "numba"} <= found.libraries.keys()
    assert "10 on one thread" in str(found)
    for cores, words in {1: ", 1 core, ", 2: ", 2 cores, "}.items():
        assert words in str(dataclasses.replace(found, cores=cores))
