"""Kernels are found in layers: the fast one, else the plain one, which can be recorded too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnaccel.backends import get_backend
from nnaccel_kernels import cpu, cuda, reference
from nnaccel_kernels.lookup import Kernels


def doubled(x: Any, y: Any) -> None:
    y[...] = 2 * x


def plain(x: Any, y: Any) -> None:
    y[...] = x


def test_a_fast_kernel_hides_the_plain_one() -> None:
    kernels = Kernels({"copy": doubled}).above(Kernels({"copy": plain, "other": plain}))
    assert kernels.copy is doubled
    assert kernels.other is plain
    assert kernels.fast == {"copy"}
    assert dir(kernels) == ["copy", "other"]
    with pytest.raises(AttributeError, match="no kernel 'missing'"):
        _ = kernels.missing


def test_every_backend_has_every_kernel() -> None:
    names = set(dir(reference.kernels))
    for name in ("numpy", "numba"):
        assert set(dir(get_backend(name).kernels)) == names
    assert names >= cpu.kernels.fast
    assert names >= cuda.kernels.fast
    assert get_backend("numba").kernels.place("linear") == "cpu.linear"
    assert get_backend("numpy").kernels.place("linear") == "reference.linear"


def test_a_plain_kernel_is_a_row_of_the_tape(monkeypatch: pytest.MonkeyPatch) -> None:
    """Softmax without a fast kernel: the numba backend computes it all the same, at each replay."""
    from nnaccel.backends import _select

    fast = {n: getattr(cpu.kernels, n) for n in cpu.kernels.fast if n != "softmax"}
    monkeypatch.setattr(cpu, "kernels", Kernels(fast))
    _select._make.cache_clear()
    try:
        backend = get_backend("numba")
        assert backend.kernels.place("softmax") == "reference.softmax"
        x, y, z = np.zeros((2, 3)), np.empty((2, 3)), np.empty((2, 3))

        def step() -> None:
            backend.kernels.activate("linear", 0.0, x, y)
            backend.kernels.softmax(y, y)
            backend.kernels.activate("relu", 0.0, y, z)

        replay = backend.record(step)
        for value in (1.0, 5.0):
            x[0, 0] = value
            replay(3)
            wanted = np.exp([value, 0, 0])
            np.testing.assert_allclose(z[0], wanted / wanted.sum(), rtol=1e-6)
    finally:
        _select._make.cache_clear()
