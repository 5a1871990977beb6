"""Huber: the definition, piece by piece."""

from __future__ import annotations

import numpy as np
import pytest

from nnaccel import losses


def test_quadratic_near_zero_and_linear_beyond() -> None:
    outputs, targets = np.array([[0.5, -3.0], [2.0, 0.0]]), np.zeros((2, 2))
    found, gradients = losses.Huber(2.0)(outputs, targets)
    np.testing.assert_allclose(found, [(0.125 + 2 * (3 - 1)) / 2, (2.0 + 0) / 2])
    np.testing.assert_allclose(gradients, np.array([[0.5, -2.0], [2.0, 0.0]]) / 2)


def test_delta_is_above_zero() -> None:
    with pytest.raises(ValueError, match="delta=0 must be above 0"):
        losses.Huber(0)
