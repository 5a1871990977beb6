"""Layers of images by themselves: shapes, gradients, memory order, settings, errors."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from nnaccel.backends import to_numpy
from nnaccel.layers import (
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    GlobalAvgPool2D,
    GlobalMaxPool2D,
    Layer,
    MaxPool2D,
    ZeroPad2D,
)
from nnaccel.layers.penalties import L2
from nnaccel.model.sequential import Sequential

from .checks import assert_gradients, place

MAKE: dict[str, Any] = {
    "conv": lambda: Conv2D(4, 3),
    "conv-all": lambda: Conv2D(
        4, (3, 2), "relu", stride=(2, 1), padding=(1, 0, 2, 1), dilation=(1, 2), groups=2
    ),
    "conv-same": lambda: Conv2D(3, 2, "gelu", stride=2, padding="same", use_bias=False),
    "conv-im2col": lambda: Conv2D(3, 1, "sigmoid", algorithm="im2col"),
    "depthwise": lambda: DepthwiseConv2D(3, "tanh", multiplier=2, padding=1),
    "transpose": lambda: Conv2DTranspose(4, 3),
    "transpose-all": lambda: Conv2DTranspose(
        4, (3, 2), "elu", stride=2, padding=(1, 0), output_padding=1, dilation=(2, 1), groups=2
    ),
    "transpose-same": lambda: Conv2DTranspose(3, 3, "gelu", stride=2, padding="same"),
    "max": lambda: MaxPool2D(),
    "max-all": lambda: MaxPool2D((3, 2), (2, 1), "same", (1, 2), True),
    "average": lambda: AvgPool2D(2),
    "average-all": lambda: AvgPool2D(3, 2, (1, 0, 1, 1), 1, True, False),
    "global-average": lambda: GlobalAvgPool2D(),
    "global-max": lambda: GlobalMaxPool2D(),
    "pad": lambda: ZeroPad2D(),
    "pad-crop": lambda: ZeroPad2D((1, -1, 0, 2)),
    "norm": lambda: BatchNorm(0.5, 0.01),
}
TAKES_ONE_CHANNEL = [name for name in MAKE if name not in ("conv-all", "transpose-all")]


def images(*shape: int) -> np.ndarray:
    """No two numbers alike, so that pooling has a gradient."""
    return np.random.default_rng(1).permutation(np.prod(shape)).reshape(shape) / 50 - 1


def channels_last(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def built(name: str, shape: tuple[int, ...], backend: Any, dtype: Any = np.float64) -> Layer:
    layer: Layer = MAKE[name]()
    layer.build(shape, seed=0, dtype=dtype)
    place(layer, backend)
    return layer


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", MAKE)
def test_gradients(backend: Any, name: str, training: bool) -> None:
    x = images(2, 4, 6, 5)
    for lay in (np.array, channels_last):
        layer = built(name, (4, 6, 5), backend)
        y, backward = layer.forward(backend.asarray(lay(x)), training)
        assert y.shape == (2, *layer.output_shape)
        assert backward(y, True).shape == x.shape
        assert backward(y, False) is None
        assert_gradients(backend, layer, lay(x), training=training)


@pytest.mark.parametrize("name", TAKES_ONE_CHANNEL)
def test_plain_images_have_one_channel(backend: Any, name: str) -> None:
    x = images(3, 6, 5)
    layer, full = built(name, (6, 5), backend), built(name, (1, 6, 5), backend)
    y, backward = layer.forward(backend.asarray(x))
    want, back = full.forward(backend.asarray(x[:, None]))
    np.testing.assert_array_equal(to_numpy(y).reshape(want.shape), to_numpy(want))
    dx = backward(y, True)
    assert dx.shape == x.shape
    np.testing.assert_array_equal(to_numpy(dx), to_numpy(back(want, True)).reshape(x.shape))
    if name != "norm":
        assert layer.output_shape == full.output_shape


@pytest.mark.parametrize("name", MAKE)
def test_an_empty_batch(backend: Any, name: str) -> None:
    layer = built(name, (4, 6, 5), backend, np.float32)
    x = backend.asarray(np.zeros((0, 4, 6, 5), np.float32))
    y, backward = layer.forward(x, True)
    assert y.shape == (0, *layer.output_shape)
    assert backward(y, True).shape == x.shape


@pytest.mark.parametrize("name", MAKE)
def test_memory_is_channels_last_from_the_first_convolution_on(backend: Any, name: str) -> None:
    layer = built(name, (4, 6, 5), backend)
    y, _ = layer.forward(backend.asarray(channels_last(images(2, 4, 6, 5))))
    if len(layer.output_shape) == 3:
        assert y.transpose(0, 2, 3, 1).flags.c_contiguous
    if name.startswith("conv") and name != "conv-im2col":
        y, _ = layer.forward(backend.asarray(images(2, 4, 6, 5)))
        assert y.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize("name", MAKE)
def test_settings_make_the_same_layer(name: str) -> None:
    layer: Layer = MAKE[name]()
    again = type(layer)(**json.loads(json.dumps(layer.config())))
    assert repr(again) == repr(layer)
    assert again.config() == layer.config()


@pytest.mark.parametrize(
    ("layer", "shapes"),
    [
        (Conv2D(8, 3), {"w": (8, 4, 3, 3), "b": (8,)}),
        (Conv2D(8, (1, 3), groups=2, use_bias=False), {"w": (8, 2, 1, 3)}),
        (DepthwiseConv2D(3, multiplier=2), {"w": (8, 1, 3, 3), "b": (8,)}),
        (Conv2DTranspose(6, 2, groups=2), {"w": (4, 3, 2, 2), "b": (6,)}),
        (BatchNorm(), {"gamma": (4,), "beta": (4,)}),
        (MaxPool2D(), {}),
    ],
)
def test_parameters(layer: Layer, shapes: dict[str, tuple[int, ...]]) -> None:
    layer.build((4, 6, 6), seed=0)
    assert {name: a.shape for name, a in layer.params.items()} == shapes


def test_penalties_and_initialisers() -> None:
    layer = Conv2D(8, 3, initializer="he_normal", bias_initializer="ones", penalty=L2(0.1))
    layer.build((16, 6, 6), seed=0)
    assert layer.params["w"].std() == pytest.approx((2 / (16 * 9)) ** 0.5, rel=0.1)
    assert (layer.params["b"] == 1).all()
    assert layer.penalty.l2 == 0.1


# Errors


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (
            [Conv2D(2, 3), MaxPool2D(), MaxPool2D(), MaxPool2D(name="third")],
            "layer 'third': MaxPool2D 2x2 over a 1x1 image: the window does not fit",
        ),
        (
            [Conv2D(2, 5, dilation=2, padding=(0, 0, 1, 1))],
            r"layer 'conv2d': Conv2D 5x5 \(9x9 with dilation \(2, 2\)\) over a 6x6 image: .* "
            r"padding \(0, 0, 1, 1\)",
        ),
        ([Conv2D(2, 1), Conv2D(4, 1, groups=4)], "'conv2d_1': 2 channels do not split into 4 gro"),
        ([Conv2DTranspose(4, 1, groups=4)], "1 channels do not split into 4 groups"),
        (
            [Conv2DTranspose(2, 1, stride=2, output_padding=3)],
            r"output_padding=\(3, 3\) must be smaller than stride \(2, 2\)",
        ),
        (
            [GlobalAvgPool2D(), MaxPool2D()],
            r"'maxpool2d': MaxPool2D takes images \(C, H, W\), or \(H, W\) of one channel, but its "
            r"inputs have shape \(1,\)",
        ),
        ([ZeroPad2D(-3)], "'zeropad2d': padding .* leaves nothing of a 6x6 image"),
    ],
)
def test_shapes_that_do_not_fit_fail_when_built(layers: list[Layer], words: str) -> None:
    model = Sequential(layers, seed=0)
    with pytest.raises(ValueError, match=words):
        model.build((6, 6))
    assert not model.built


def test_four_axes_are_no_image() -> None:
    with pytest.raises(ValueError, match=r"inputs have shape \(2, 2, 2, 2\)"):
        BatchNorm().infer_shape((2, 2, 2, 2))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Conv2D(0, 3), "filters=0 must be a whole number of at least 1"),
        (lambda: Conv2D(3, 0), "kernel_size=0 must be a whole number of at least 1, or two"),
        (lambda: Conv2D(3, 3, groups=2), "3 filters do not split into 2 groups"),
        (lambda: Conv2D(3, 3, groups=0), "groups=0"),
        (lambda: Conv2D(3, 3, "rellu"), "Did you mean 'relu'"),
        (lambda: Conv2D(3, 3, padding="sane"), "Did you mean 'same'"),
        (lambda: Conv2D(3, 3, algorithm="directly"), "Did you mean 'direct'"),
        (lambda: Conv2D(3, 3, stride=(1, 0)), r"stride=\(1, 0\)"),
        (lambda: DepthwiseConv2D(3, multiplier=0), "multiplier=0"),
        (lambda: Conv2DTranspose(3, 3, output_padding=-1), "output_padding=-1"),
        (lambda: Conv2DTranspose(3, 3, groups=2), "3 filters do not split into 2 groups"),
        (lambda: MaxPool2D(0), "pool_size=0"),
        (lambda: AvgPool2D(2, 0), "stride=0"),
        (lambda: ZeroPad2D("same"), "give numbers"),
        (lambda: BatchNorm(2), "momentum=2 must lie in 0..1"),
        (lambda: BatchNorm(epsilon=0), "epsilon=0"),
    ],
)
def test_errors_in_words(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda no: Conv2D(4, 3, use_bias=no),
        lambda no: Dense(4, use_bias=no),
        lambda no: MaxPool2D(2, ceil_mode=no),
    ],
)
def test_switches_are_on_or_off(make: Any) -> None:
    make(np.False_)
    with pytest.raises(ValueError, match="='no' must be True or False"):
        make("no")


def test_a_built_model_refuses_other_axes() -> None:
    model = Sequential([Conv2D(2, 3), Dense(3)])
    model.build((3, 8, 6))
    x = np.zeros((2, 3, 8, 6), np.float32)
    for same in (x, x.reshape(2, -1)):
        assert model.predict(same).shape == (2, 3)
    with pytest.raises(ValueError, match=r"built for \(3, 8, 6\): put channels first"):
        model.predict(x.transpose(0, 2, 3, 1))
    with pytest.raises(ValueError, match=r"built for \(3, 8, 6\)$"):
        model.predict(x.transpose(0, 1, 3, 2))


def test_a_built_model_takes_axes_of_length_1() -> None:
    model = Sequential([Conv2D(2, 3), Dense(3)])
    model.build((1, 8, 6))
    x = np.ones((2, 8, 6), np.float32)
    for same in (x[:, None], x[..., None], x.reshape(2, -1)):
        np.testing.assert_array_equal(model.predict(same), model.predict(x))
