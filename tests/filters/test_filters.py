"""Filters against the sums of their definition, on every backend; sheets pixel by pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnaccel import filters
from nnaccel.backends import to_numpy
from nnaccel.layers import (
    Chain,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    MaxPool2D,
    Residual,
)
from nnaccel.model.sequential import Sequential


def naive(image: Any, w: Any) -> np.ndarray:
    """Cross-correlation of a grey image, as it is defined."""
    image, w = np.asarray(image, float), np.asarray(w, float)
    (rows, columns), (height, width) = w.shape, image.shape
    out = np.zeros((height - rows + 1, width - columns + 1))
    for i, j in np.ndindex(out.shape):
        for r, s in np.ndindex(w.shape):
            out[i, j] += image[i + r, j + s] * w[r, s]
    return out


def random_image(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.fixture(scope="module")
def model() -> Sequential:
    layers = [
        Conv2D(4, 3, "relu"),
        MaxPool2D(2),
        DepthwiseConv2D((2, 1)),
        Conv2DTranspose(2, 2),
        Dense(3, "softmax"),
    ]
    made = Sequential(layers, seed=0)
    made.build((3, 9, 8))
    return made


def test_emboss_is_two_and_minus_ones_down_the_diagonal() -> None:
    np.testing.assert_array_equal(filters.named("emboss"), np.diag([2, -1, -1]))


def test_names_give_copies_and_the_originals_are_read_only() -> None:
    filters.named("blur")[:] = 0
    assert filters.FILTERS["blur"].sum() == 1
    for w in filters.FILTERS.values():
        assert (w.dtype, w.shape, w.flags.writeable) == (np.float32, (3, 3), False)


@pytest.mark.parametrize("name", ["embos", "Emboss"])
def test_an_unknown_name_gets_the_nearest_match(name: str) -> None:
    for use in (filters.named, lambda name: filters.apply(np.ones((5, 5)), name)):
        with pytest.raises(ValueError, match=rf"'{name}'.*Did you mean 'emboss'\?"):
            use(name)


@pytest.mark.parametrize("name", filters.FILTERS)
def test_named_filters_by_the_definition(backend: Any, name: str) -> None:
    image = random_image(5, 7)
    out = filters.apply(image, name)
    assert (out.shape, out.dtype, type(out)) == ((3, 5), np.float32, backend.xp.ndarray)
    np.testing.assert_array_equal(to_numpy(out), naive(image, filters.FILTERS[name]))


def test_values_by_hand(backend: Any) -> None:
    image = [[1, 2, 3], [4, 5, 6], [7, 8, 10]]
    got = [float(filters.apply(image, name)[0, 0]) for name in filters.FILTERS]
    assert got == [5, 2 - 5 - 10, 25 - 20, 20 - 20, 9, 25, (21 + 2 * 20 + 4 * 5) / 16]


@given(
    image=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    taps=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    count=st.integers(1, 5),
    channels=st.sampled_from([None, 3, 4]),
)
def test_any_shape(backend: Any, image: Any, taps: Any, count: int, channels: int | None) -> None:
    taps = tuple(min(pair) for pair in zip(image, taps, strict=True))
    rng = np.random.default_rng(0)
    bank = rng.integers(-3, 4, (count, *taps))
    x = rng.integers(0, 256, (*image, *([channels] if channels else [])), np.uint8)
    maps = to_numpy(filters.apply(x, bank))
    height, width = (a - b + 1 for a, b in zip(image, taps, strict=True))
    assert maps.shape == (count, height, width, *x.shape[2:])
    for w, made in zip(bank, maps, strict=True):
        planes = np.moveaxis(np.atleast_3d(made), -1, 0)
        colours = np.moveaxis(np.atleast_3d(x), -1, 0)
        for plane, colour in zip(planes[:3], colours[:3], strict=True):
            np.testing.assert_array_equal(plane, naive(colour, w))
        if channels == 4:
            top, left = ((side - 1) // 2 for side in taps)
            alpha = x[top : top + height, left : left + width, 3]
            np.testing.assert_array_equal(made[..., 3], alpha)
        np.testing.assert_array_equal(to_numpy(filters.apply(x, w)), made)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "bool", ">f4"])
def test_every_kind_of_number(backend: Any, dtype: str) -> None:
    image = (random_image(6, 6) % 2).astype(dtype)
    out = to_numpy(filters.apply(image, "sobel_x"))
    np.testing.assert_array_equal(out, naive(image, filters.named("sobel_x")))
    turned = to_numpy(filters.apply(image.T[::-1], "emboss"))
    np.testing.assert_array_equal(turned, naive(image.T[::-1], filters.named("emboss")))


def test_an_image_of_another_backend_and_one_of_pillow(backend: Any) -> None:
    from PIL import Image

    image = random_image(5, 5, 3)
    wanted = to_numpy(filters.apply(image, "laplace"))
    for same in (backend.asarray(image), image.tolist(), Image.fromarray(image)):
        np.testing.assert_array_equal(to_numpy(filters.apply(same, "laplace")), wanted)


ONES = np.ones((4, 5))


@pytest.mark.parametrize(
    ("image", "w", "error", "message"),
    [
        (np.ones(5), "blur", ValueError, r"image has shape \(5,\); expected \(H, W\) grey"),
        (np.ones((5, 5, 2)), "blur", ValueError, r"\(5, 5, 2\)"),
        (np.ones((3, 5, 5)), "blur", ValueError, r"transpose\(1, 2, 0\)"),
        (np.ones((2, 5)), "blur", ValueError, "filter of 3x3 does not fit on an image of 2x5"),
        (np.ones((0, 5)), "blur", ValueError, "does not fit"),
        (ONES, np.ones(3), ValueError, r"filter has shape \(3,\); expected \(R, S\)"),
        (ONES, np.ones((1, 1, 3, 3)), ValueError, "filter has shape"),
        (ONES, np.ones((0, 3, 3)), ValueError, "filter has shape"),
        (ONES * np.nan, "blur", ValueError, r"image contains NaN.*first at \(0, 0\)"),
        (ONES * 1e300, "blur", ValueError, "beyond float32"),
        (ONES, [[1, np.inf]], ValueError, r"filter contains NaN.*\(0, 1\)"),
        (ONES, ["blur", "emboss"], TypeError, "filter has dtype <U6; expected integers or floats"),
        (ONES * 1j, "blur", TypeError, "image has dtype complex128"),
    ],
)
def test_apply_refuses(image: Any, w: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        filters.apply(image, w)


def test_random_banks_come_from_their_seed() -> None:
    bank = filters.random_bank(seed=3)
    assert (bank.shape, bank.dtype) == ((64, 3, 3), np.float32)
    assert set(np.unique(bank)) == {-1, 0, 1}
    np.testing.assert_array_equal(bank, filters.random_bank(64, 3))
    assert (bank != filters.random_bank(64, 4)).any()
    assert (filters.random_bank() != filters.random_bank()).any()
    assert filters.random_bank(2, size=5).shape == (2, 5, 5)


@pytest.mark.parametrize("bad", [{"count": 0}, {"count": 2.5}, {"size": 0}, {"seed": -1}])
def test_random_banks_refuse(bad: Any) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(bad))}=.* must be a whole number"):
        filters.random_bank(**bad)


def test_each_map_is_stretched_by_itself() -> None:
    maps = np.array([[[0, 5], [10, 10]], [[-4, -3], [-2, 0]], [[7, 7], [7, 7]]])
    unit = filters.to_unit(maps)
    assert unit.dtype == np.float32
    assert unit.tolist() == [[[0, 0.5], [1, 1]], [[0, 0.25], [0.5, 1]], [[0, 0], [0, 0]]]


def test_colours_keep_their_balance_and_alpha_its_values() -> None:
    maps = np.array([[[[0, 50, 100, 255], [0, 0, 0, 51]]]], np.float32)
    unit = filters.to_unit(maps)
    np.testing.assert_allclose(unit, [[[[0, 0.5, 1, 1], [0, 0, 0, 0.2]]]])
    maps[..., 3] = [[[0.25, 0.5]]]
    np.testing.assert_array_equal(filters.to_unit(maps)[..., 3], maps[..., 3])
    assert filters.to_unit(maps[..., :3])[0, 0, 0].tolist() == [0, 0.5, 1]


def test_the_largest_and_the_smallest_numbers_are_stretched_too() -> None:
    for most in (np.finfo(float).max, np.finfo(np.float32).tiny):
        unit = filters.to_unit([[[-most, 0, most]]])
        assert np.isfinite(unit).all()
        assert (unit.min(), unit.max()) == (0, 1)
    pixels = filters.to_unit(np.array([[[0, 255]]], np.uint8))
    assert pixels.tolist() == [[[0, 1]]]


def test_a_few_spots_do_not_leave_the_rest_grey_if_clipped() -> None:
    spots = np.arange(100.0).reshape(1, 10, 10)
    spots[0, 0, 0], spots[0, -1, -1] = -1e4, np.finfo(float).max
    assert np.ptp(filters.to_unit(spots)[0, 1:-1]) < 0.01
    unit = filters.to_unit(spots, clip=5)[0].ravel()
    assert set(unit[:6]) == {0}
    assert set(unit[-6:]) == {1}
    np.testing.assert_allclose(unit[5:95], (np.arange(5, 95) - 5) / 89, atol=1e-6)
    lone = np.zeros((1, 9, 9))
    lone[0, 4, 4] = 3  # what lies between the ends is all the same
    assert filters.to_unit(lone, clip=5)[0, 4, 4] == 1
    with pytest.raises(ValueError, match="clip=50 must be a percentage"):
        filters.to_unit(lone, clip=50)


def test_maps_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="NaN or infinity"):
        filters.to_unit([[[0, np.nan]]])


@pytest.mark.parametrize(
    ("count", "rows", "columns"),
    [(1, 1, 1), (2, 1, 2), (3, 1, 3), (4, 2, 2), (5, 2, 3), (7, 2, 4), (8, 2, 4), (9, 3, 3),
     (10, 2, 5), (13, 3, 5)],
)  # fmt: skip
@pytest.mark.parametrize("colours", [(), (1,), (3,), (4,)])
@pytest.mark.parametrize("gap", [0, 1, 3])
def test_sheets_hold_every_map_as_it_is(
    count: int, rows: int, columns: int, colours: Any, gap: int
) -> None:
    maps = np.random.default_rng(0).random((count, 4, 5, *colours), np.float32)
    sheet = filters.mosaic(maps, gap)
    assert sheet.shape == (rows * (4 + gap) - gap, columns * (5 + gap) - gap, *colours)
    assert sheet.dtype == np.float32
    white = np.ones(sheet.shape, bool)
    for i, one in enumerate(maps):
        at = i // columns * (4 + gap)
        left = i % columns * (5 + gap)
        np.testing.assert_array_equal(sheet[at : at + 4, left : left + 5], one)
        white[at : at + 4, left : left + 5] = False
    assert (sheet[white] == 1).all()


def test_sheets_have_few_places_left_over() -> None:
    for count in range(1, 300):
        height, width = filters.mosaic(np.zeros((count, 1, 1)), gap=0).shape
        assert count <= height * width < count + height
        assert height <= width <= 2 * height + 1


def test_a_sheet_of_bytes_is_one_of_bytes() -> None:
    sheet = filters.mosaic(np.zeros((2, 1, 1), np.uint8), gap=2)
    assert (sheet.dtype, sheet.tolist()) == (np.uint8, [[0, 255, 255, 0]])


@pytest.mark.parametrize(
    ("maps", "gap", "error", "message"),
    [
        (np.zeros((0, 3, 3)), 1, ValueError, "there is nothing to show"),
        (np.zeros((3, 3)), 1, ValueError, r"give map\[None\]"),
        (np.zeros((2, 3, 3, 2)), 1, ValueError, "1, 3 or 4 channels"),
        (np.zeros((2, 3, 3)), -1, ValueError, "gap=-1 must be a whole number"),
        ([["a"]], 1, TypeError, "expected integers or floats"),
    ],
)
def test_mosaic_refuses(maps: Any, gap: int, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        filters.mosaic(maps, gap)


def test_feature_maps_are_what_the_layer_gives(model: Sequential) -> None:
    image = np.random.default_rng(0).random((3, 9, 8), np.float32)
    w, b = (model.layers[0].params[name] for name in "wb")
    wanted = [sum(map(naive, image, taps)) + bias for taps, bias in zip(w, b, strict=True)]
    maps = filters.feature_maps(model, "conv2d", image)
    np.testing.assert_allclose(maps, np.maximum(wanted, 0), atol=1e-5)
    pooled = filters.feature_maps(model, 1, image)
    np.testing.assert_allclose(pooled, maps[:, :6, :6].reshape(4, 3, 2, 3, 2).max((2, 4)))
    last = filters.map_layers(model)[-1]
    np.testing.assert_array_equal(
        filters.feature_maps(model, -2, image), filters.feature_maps(model, last, image)
    )


def test_colours_may_come_last_and_bytes_are_pixels(model: Sequential) -> None:
    pixels = random_image(9, 8, 3)
    maps = filters.feature_maps(model, 0, pixels)
    same = filters.feature_maps(model, 0, pixels.transpose(2, 0, 1) / np.float32(255))
    np.testing.assert_allclose(maps, same, atol=1e-6)


@pytest.mark.parametrize("shape", [(6, 6), (1, 6, 6)])
def test_a_grey_image_needs_no_channel(backend: Any, shape: Any) -> None:
    made = Sequential([Conv2D(2, 3), Dense(2)], seed=0)
    made.build(shape)
    maps = [filters.feature_maps(made, 0, np.ones(s)) for s in ((6, 6), (1, 6, 6), (6, 6, 1))]
    assert maps[0].shape == (2, 4, 4)
    np.testing.assert_array_equal(maps[0], maps[1])
    np.testing.assert_array_equal(maps[0], maps[2])


def test_filters_of_a_layer(model: Sequential) -> None:
    w = np.asarray(model.layers[0].params["w"])
    np.testing.assert_allclose(filters.layer_filters(model, "conv2d"), w.mean(1), atol=1e-7)
    np.testing.assert_array_equal(filters.layer_filters(model, 0, channel=2), w[:, 2])
    depthwise = filters.layer_filters(model, 2)
    assert (depthwise.shape, depthwise.dtype) == ((4, 2, 1), np.float32)
    depthwise[:] = 0
    assert np.any(model.layers[2].params["w"])
    assert filters.apply(random_image(9, 8, 3), depthwise).shape == (4, 8, 8, 3)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda m, x: filters.feature_maps(m, "conv2", x), "Did you mean 'conv2d'"),
        (lambda m, x: filters.feature_maps(m, 5, x), "layer 5 is not there: the model has 5"),
        (lambda m, x: filters.feature_maps(m, -6, x), "whole number of at least -5"),
        (lambda m, x: filters.feature_maps(m, True, x), "whole number"),
        (lambda m, x: filters.feature_maps(m, "dense", x), r"gives \(3,\), not maps"),
        (lambda m, x: filters.feature_maps(m, 0, x[0]), r"takes images of \(3, 9, 8\)"),
        (lambda m, x: filters.feature_maps(m, 0, x * np.nan), "NaN or infinity"),
        (lambda m, x: filters.layer_filters(m, "dense"), "is a Dense, without filters: choose"),
        (lambda m, x: filters.layer_filters(m, 0, 3), "channel=3 is not there"),
    ],
)
def test_models_are_asked_for_what_they_have(model: Sequential, use: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        use(model, np.ones((3, 9, 8), np.float32))


def test_a_model_must_be_built() -> None:
    with pytest.raises(RuntimeError, match="not built yet"):
        filters.feature_maps(Sequential([Conv2D(2, 3)]), 0, np.ones((6, 6)))


def test_filters_within_layers_have_a_path() -> None:
    inside = [Conv2D(4, 3, padding=1), Chain([Conv2D(3, 3, padding=1)])]
    model = Sequential([Residual(inside), Dense(2, "softmax")], seed=0)
    model.build((3, 6, 6))
    weights = model[0].layers[1].layers[0].params["w"]
    ours = filters.layer_filters(model, "residual/chain/conv2d", 1)
    np.testing.assert_array_equal(ours, weights[:, 1])
    assert filters.feature_maps(model, "residual", np.ones((3, 6, 6))).shape == (3, 6, 6)
    with pytest.raises(ValueError, match="choose one of 'residual/conv2d', 'residual/chain/conv"):
        filters.layer_filters(model, "residual")
    with pytest.raises(ValueError, match="Did you mean 'residual/conv2d'"):
        filters.layer_filters(model, "residual/conv2")
