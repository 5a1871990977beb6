"""Arrays that share a buffer never overlap while both are needed."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from nnaccel_kernels.cpu.runtime.address import LINE
from nnaccel_kernels.cpu.runtime.lifetimes import Lifetime, place

LIVES = st.builds(
    lambda size, first, length: Lifetime(size, first, first + length),
    st.integers(0, 1000),
    st.integers(0, 9),
    st.integers(0, 4),
)


@given(st.lists(LIVES, max_size=12))
def test_no_two_living_arrays_overlap(lives: list[Lifetime]) -> None:
    offsets, total = place(lives)
    places = list(zip(lives, offsets, strict=True))
    for life, start in places:
        assert start % LINE == 0
        assert start + life.size <= total
    for (a, at), (b, other) in combinations(places, 2):
        if a.first <= b.last and b.first <= a.last:
            assert at + a.size <= other or other + b.size <= at


def test_what_is_never_needed_at_the_same_time_shares_memory() -> None:
    chain = [Lifetime(64, i, i + 1) for i in range(10)]
    assert place(chain) == ([0, 64] * 5, 128)
    assert place([]) == ([], 0)
