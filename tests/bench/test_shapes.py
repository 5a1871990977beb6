"""The notation of convolutions is read back as it was written, and said to be wrong in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnaccel.bench.shapes import GROUPS, SHAPES, ConvShape, expand_shapes, parse

sizes = st.integers(1, 9)


@given(
    image=st.tuples(sizes, sizes, st.integers(9, 40), st.integers(9, 40)),
    each=sizes,
    taps=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=sizes,
    padding=st.integers(0, 9),
    dilation=st.integers(1, 4),
    groups=sizes,
)
def test_what_is_written_is_read(image: tuple[int, int, int, int], each: int, groups: int,
                                 **rest: int) -> None:  # fmt: skip
    n, c, h, w = image
    kernel_size = rest.pop("taps")
    shape = ConvShape((n, c * groups, h, w), each * groups, kernel_size, groups=groups, **rest)  # type: ignore[arg-type]
    assert parse(str(shape)) == shape
    assert parse(str(shape).upper()) == shape


def test_sizes_and_operations() -> None:
    shape = parse("64x32x28x28-k64-3x3-s2-p1")
    assert shape.output_shape == (64, 64, 14, 14)
    assert shape.weight_shape == (64, 32, 3, 3)
    assert shape.flops == 2 * 64 * 64 * 14 * 14 * 32 * 9
    assert parse("1x8x5x5-3x3-k8-g8").weight_shape == (8, 1, 3, 3)
    assert parse("1x1x9x9-k1-3x3-d4").output_size == (1, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("64x32x28-k64-3x3", "'64x32x28' is not NxCxHxW"),
        ("64x32x28x28-3x3", "kN, the number of filters, is missing"),
        ("64x32x28x28-k64", "RxS, the taps, is missing"),
        ("64x32x28x28-k64-3x3-k4", "'k4' is not expected"),
        ("64x32x28x28-k64-3x3-5x5", "'5x5' is not expected"),
        ("64x32x28x28-k64-3x3-q1", "write it like 64x32x28x28-k64-3x3-s1-p1"),
        ("64x32x28x28-k64-3x3-s0", "at least 1"),
        ("64x32x28x28-k64-3x3-g3", "C=32 does not divide into g3"),
        ("64x32x2x2-k64-3x3", "the taps reach over more than the image"),
        ("resent", "Did you mean 'resnet'"),
        ("mnist3", "Or describe one: 64x32"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        expand_shapes([text])


def test_names_and_groups_expand_in_order_without_repeats() -> None:
    found = expand_shapes(["lenet2", " SMALL ", "64x20x12x12-k50-5x5"])
    assert found == [SHAPES[name] for name in ("lenet2", "mnist1", "mnist2")]
    assert expand_shapes(["all"]) == list(SHAPES.values())
    assert set().union(*GROUPS.values()) == set(SHAPES)
