"""Two spirals: where they lie, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnaccel.data import spirals


def test_without_noise_points_lie_on_their_spirals() -> None:
    x, y = spirals(101, turns=1.5, noise=0, seed=3)
    assert (x.dtype, y.dtype, y.sum()) == (np.float32, np.int64, 50)
    radius = np.hypot(*x.T)
    along = (3 * radius - 1) / 2
    assert along.min() >= -1e-6
    assert along.max() <= 1.5
    angle = 2 * np.pi * along + np.pi * y
    np.testing.assert_allclose(x[:, 0], radius * np.cos(angle), atol=1e-5)
    np.testing.assert_allclose(x[:, 1], radius * np.sin(angle), atol=1e-5)


def test_a_seed_decides_the_points() -> None:
    first, again, other = (spirals(20, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    spread = spirals(5000, noise=0.3)[0] - spirals(5000, noise=0)[0]
    assert 0.29 < spread.std() < 0.31


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"n": 1}, "n=1"), ({"turns": -1}, "turns=-1"), ({"noise": np.nan}, "noise=nan")],
)
def test_what_cannot_be_drawn(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spirals(**settings)
