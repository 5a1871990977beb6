from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnaccel.optim.schedules import (
    CosineDecay,
    ExponentialDecay,
    PiecewiseConstantDecay,
    Schedule,
    StepDecay,
    Warmup,
    from_config,
    to_config,
)

# Schedule -> its rates at steps 0 … 6, computed by hand.
BY_HAND = {
    ExponentialDecay(1.0, 2, 0.25): [1, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625],
    ExponentialDecay(1.0, 2, 0.25, staircase=True): [1, 1, 0.25, 0.25, 0.0625, 0.0625, 0.015625],
    StepDecay(0.8, 3, gamma=0.5): [0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2],
    CosineDecay(0.2, 4): [0.2, 0.1 + 0.1 / 2**0.5, 0.1, 0.1 - 0.1 / 2**0.5, 0, 0, 0],
    CosineDecay(0.2, 2, alpha=0.5): [0.2, 0.15, 0.1, 0.1, 0.1, 0.1, 0.1],
    CosineDecay(0.1, 2, 0.0, 0.5, 4): [0.1, 0.2, 0.3, 0.4, 0.5, 0.25, 0],
    CosineDecay(0.1, 2, 0.0, 0.5): [0.5, 0.25, 0, 0, 0, 0, 0],
    PiecewiseConstantDecay((1, 4), (3.0, 2.0, 1.0)): [3, 3, 2, 2, 2, 1, 1],
    PiecewiseConstantDecay((), (3.0,)): [3] * 7,
    Warmup(0.3, 3): [0, 0.1, 0.2, 0.3, 0.3, 0.3, 0.3],
    Warmup(0.3, 2, start=0.1): [0.1, 0.2, 0.3, 0.3, 0.3, 0.3, 0.3],
    Warmup(StepDecay(0.4, 2, 0.5), 2): [0, 0.2, 0.4, 0.4, 0.2, 0.2, 0.1],
    Warmup(Warmup(1.0, 2, start=0.5), 2): [0, 0.25, 0.5, 0.75, 1, 1, 1],
}
any_schedule = pytest.mark.parametrize("schedule", BY_HAND, ids=repr)


@any_schedule
def test_rates_by_hand(schedule: Schedule) -> None:
    rates = schedule(np.arange(7))
    assert rates.dtype == np.float64
    np.testing.assert_allclose(rates, BY_HAND[schedule], rtol=1e-14, atol=1e-17)


@any_schedule
def test_one_step_equals_its_place_in_many(schedule: Schedule) -> None:
    one_by_one = [schedule(step) for step in range(7)]
    assert all(type(rate) is float for rate in one_by_one)
    assert one_by_one == schedule(np.arange(7)).tolist()
    assert schedule(np.arange(6).reshape(2, 3)).shape == (2, 3)


@any_schedule
def test_json_round_trip(schedule: Schedule) -> None:
    assert from_config(json.loads(json.dumps(to_config(schedule)))) == schedule


def test_numpy_arguments_are_saved_as_plain_numbers() -> None:
    schedule = StepDecay(np.float32(0.5), np.int64(10))
    assert json.loads(json.dumps(to_config(schedule)))["step_size"] == 10
    array = PiecewiseConstantDecay(np.array([1, 2]), np.array([3.0, 2.0, 1.0]))
    assert array == PiecewiseConstantDecay((1, 2), (3.0, 2.0, 1.0))


@given(
    peak=st.floats(0, 10),
    steps=st.integers(1, 1000),
    after=st.integers(0, 10**9),
    start=st.floats(0, 10),
)
def test_warm_up_meets_what_follows(peak: float, steps: int, after: int, start: float) -> None:
    schedule = CosineDecay(peak, 100, alpha=0.1)
    warm = Warmup(schedule, steps, start)
    assert warm(0) == start
    assert warm(steps) == peak
    assert warm(steps + after) == schedule(after)
    assert min(start, peak) <= warm(steps // 2) <= max(start, peak) * (1 + 1e-12)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ExponentialDecay(-0.1, 10, 0.5), "initial_learning_rate=-0.1 must be a number"),
        (lambda: ExponentialDecay(0.1, 0, 0.5), "decay_steps=0 must be a number above 0"),
        (lambda: ExponentialDecay(0.1, 10, math.nan), "decay_rate=nan"),
        (lambda: StepDecay(0.1, "ten"), "step_size='ten'"),
        (lambda: CosineDecay(0.1, 10, warmup_steps=5), "need a warmup_target"),
        (lambda: CosineDecay(0.1, 10, warmup_target=-1.0), "warmup_target=-1.0"),
        (lambda: PiecewiseConstantDecay([1, 1], [1, 2, 3]), "must rise"),
        (lambda: PiecewiseConstantDecay([1], [1]), "1 boundaries separate 2 values; got 1"),
        (lambda: PiecewiseConstantDecay("ab", [1]), "list of numbers"),
        (lambda: Warmup("cosine", 5), "schedule='cosine'"),
        (lambda: Warmup(0.1, 0), "steps=0"),
        (lambda: from_config({"name": "CosinDecay"}), "Did you mean 'CosineDecay'"),
        (lambda: from_config({}), "unknown schedule None"),
        (lambda: from_config({"name": "StepDecay", "gama": 1}), "StepDecay takes initial_learning"),
    ],
)
def test_errors_in_words(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
