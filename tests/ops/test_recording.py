"""What an op does while a step is being recorded."""

from __future__ import annotations

import numpy as np
import pytest

from nnaccel import ops
from nnaccel.backends import use_backend


def test_arrays_that_would_be_copied_are_refused_while_recording() -> None:
    x, w = np.ones((2, 3)), np.ones((4, 3))
    with use_backend("numba") as backend:
        with pytest.raises(RuntimeError, match="w is not C-contiguous"):
            backend.record(lambda: ops.linear(x, w.T))(1)
        assert not backend.recording()
        np.testing.assert_array_equal(ops.linear(x, w.T), np.full((2, 4), 3.0))


def test_a_recorded_op_follows_its_arrays() -> None:
    x, w = np.ones((2, 3)), np.ones((3, 4))
    results: list[np.ndarray] = []
    with use_backend("numba") as backend:
        replay = backend.record(lambda: results.append(ops.linear(x, w)))
        w[...] = 5.0
        replay(1)
    np.testing.assert_array_equal(results[0], np.full((2, 4), 15.0))
