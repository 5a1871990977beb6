"""Whether the pool or one thread runs a tape: what the choice costs, on a clock of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nnaccel_kernels.cpu.runtime.autotune import Autotune


def spent(
    seconds: Callable[[bool, float], float], chunks: list[int], autotune: Autotune
) -> tuple[float, int]:
    """Time and repeats of a number of runs, where a repeat takes `seconds(together, now)`."""
    now, done = 0.0, 0
    for repeats in chunks:
        for together, count in autotune.schedule(repeats):
            took = count * seconds(together, now)
            autotune.note(together, count, took)
            now, done = now + took, done + count
    return now, done


CHUNKS = {
    "fit": [1, 4, 16, 64, *[200] * 50],
    "slow steps": [1] * 60,
    "one by one": [1] * 3000,
    "all at once": [10_000],
}


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
@pytest.mark.parametrize("step", [20e-6, 1e-3, 15e-3])
@pytest.mark.parametrize("factor", [1.2, 4, 37])
def test_a_crowded_machine_costs_at_most_half_as_much_again(
    chunks: list[int], step: float, factor: float
) -> None:
    took, done = spent(
        lambda together, _: step * (factor if together else 1), chunks, Autotune(lambda: True)
    )
    assert done == sum(chunks)
    # Whatever the choice, a few repeats must run together to know.
    assert took <= 1.5 * done * step + 3 * factor * max(step, 2e-3)


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
@pytest.mark.parametrize("step", [20e-6, 1e-3, 15e-3])
def test_a_quiet_machine_loses_next_to_nothing(chunks: list[int], step: float) -> None:
    took, done = spent(
        lambda together, _: step / (1.9 if together else 1), chunks, Autotune(lambda: True)
    )
    assert done == sum(chunks)
    assert took <= 1.01 * done * step / 1.9 + max(4e-3, 2 * step)


@pytest.mark.parametrize("begin", [True, False])
def test_the_choice_follows_the_machine(begin: bool) -> None:
    """Crowded for a second, then quiet, or the other way round."""
    step = 1e-3

    def seconds(together: bool, now: float) -> float:
        is_crowded = (now < 1) == begin
        return step * (20 if is_crowded else 0.55) if together else step

    autotune = Autotune(lambda: True)
    took, done = spent(seconds, [100] * 40, autotune)
    best = 1 + (done - (1 / step if begin else 1 / (0.55 * step))) * (0.55e-3 if begin else step)
    assert took <= 1.4 * best


def test_a_pool_that_is_not_prompt_is_not_used() -> None:
    autotune, prompt = Autotune(lambda: prompt[0]), [False]
    assert [way for way, _ in autotune.schedule(5)] == [False] * 5
    prompt[0] = True
    assert next(autotune.schedule(5))[0]
