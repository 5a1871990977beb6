"""The inverse index arithmetic finds the triples of the definition, each once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nnaccel_kernels.index import phases, positions_over, source, tap_on

sizes = {
    "pixels": st.integers(1, 12),
    "taps": st.integers(1, 4),
    "stride": st.integers(1, 4),
    "before": st.integers(-2, 4),
    "dilation": st.integers(1, 4),
}
Triple = tuple[int, int, int]  # pixel, tap, position


def by_definition(
    pixels: int, taps: int, stride: int, before: int, dilation: int, positions: int
) -> list[Triple]:
    return sorted(
        (pixel, tap, position)
        for position in range(positions)
        for tap in range(taps)
        if 0 <= (pixel := source(position, tap, stride, before, dilation)) < pixels
    )


@given(**sizes, positions=st.integers(1, 8))
def test_each_pixel_finds_the_positions_that_cover_it(
    pixels: int, taps: int, stride: int, before: int, dilation: int, positions: int
) -> None:
    found = [
        (pixel, tap, position)
        for pixel in range(pixels)
        for position in range(*positions_over(pixel, taps, stride, before, dilation, positions))
        if (tap := tap_on(position, pixel, stride, before, dilation)) >= 0
    ]
    assert sorted(found) == by_definition(pixels, taps, stride, before, dilation, positions)


@given(**sizes, positions=st.integers(1, 8))
def test_phases_partition_all_pixels_and_their_taps(
    pixels: int, taps: int, stride: int, before: int, dilation: int, positions: int
) -> None:
    found, members = [], []
    for phase in phases(pixels, taps, stride, before, dilation):
        for i in range(phase.pixels):
            pixel = phase.pixel + i * phase.stride
            members.append(pixel)
            for t in range(phase.taps):
                position = phase.position + i - t * phase.drop
                if 0 <= position < positions:
                    found.append((pixel, phase.tap + t * phase.tap_step, position))
    assert sorted(members) == list(range(pixels))
    assert sorted(found) == by_definition(pixels, taps, stride, before, dilation, positions)
