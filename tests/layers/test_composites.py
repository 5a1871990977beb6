"""Layers that hold layers: shapes, joins, gradients, projections, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.backends import asarray, to_numpy
from nnaccel.layers._composite import MOST_DEPTH
from nnaccel.layers._joins import JOINS
from nnaccel.layers._tree import leaves

from .checks import assert_gradients, place

IMAGES = (3, 6, 5)

MADE: dict[str, tuple[Any, tuple[int, ...], tuple[int, ...]]] = {
    "chain": (lambda: nn.Chain([nn.Dense(4, "tanh"), nn.Dense(2)]), (3,), (2,)),
    "residual": (lambda: nn.Residual([nn.Conv2D(3, 3, "tanh", padding=1)]), IMAGES, IMAGES),
    "strided": (lambda: nn.Residual([nn.Conv2D(4, 3, stride=2, padding=1)]), IMAGES, (4, 3, 3)),
    "one channel": (lambda: nn.Residual([nn.Conv2D(4, 3, padding=1)]), (6, 5), (4, 6, 5)),
    "vectors": (lambda: nn.Residual([nn.Dense(4, "tanh"), nn.Dense(5)]), (3,), (5,)),
    "given": (lambda: nn.Residual([nn.Dense(3, "tanh")], nn.Dense(3, "tanh")), (3,), (3,)),
    "sum of three": (
        lambda: nn.Parallel([nn.Dense(3)], [], [nn.Dense(3, "tanh"), nn.Dense(3)]),
        (3,),
        (3,),
    ),
    "product": (lambda: nn.Parallel([nn.Dense(3, "tanh")], [], join="multiply"), (3,), (3,)),
    "product of four": (
        lambda: nn.Parallel([nn.Dense(3)], [], [nn.Dense(3, "tanh")], [], join="multiply"),
        (3,),
        (3,),
    ),
    "features": (lambda: nn.Parallel([nn.Dense(4)], [], join="concat"), (3,), (7,)),
    "channels": (
        lambda: nn.Parallel(
            [nn.Conv2D(2, 3, "tanh", padding=1)], [], [nn.Conv2D(1, 1)], join="concat"
        ),
        IMAGES,
        (6, 6, 5),
    ),
    "flat images": (lambda: nn.Parallel([nn.Conv2D(2, 1)], [], join="concat"), (6, 5), (3, 6, 5)),
    "nested": (
        lambda: nn.Residual(
            [
                nn.Parallel(
                    [nn.Residual([nn.Conv2D(2, 3, "tanh", padding=1), nn.BatchNorm()])],
                    [nn.Chain([nn.AvgPool2D(3, stride=1, padding=1), nn.Conv2D(1, 1)])],
                    join="concat",
                )
            ]
        ),
        IMAGES,
        IMAGES,
    ),
}


def built(name: str, backend: Any) -> Any:
    make, before, after = MADE[name]
    layer = make()
    assert not layer.built
    layer.build(before, seed=0, dtype=np.float64)
    assert (layer.built, layer.input_shape, layer.output_shape) == (True, before, after)
    for leaf in leaves([layer]):
        place(leaf, backend)
    return layer


@pytest.mark.parametrize("name", MADE)
def test_gradients(backend: Any, name: str) -> None:
    layer = built(name, backend)
    x = np.random.default_rng(1).standard_normal((4, *layer.input_shape))
    assert_gradients(backend, layer, x, training=True)
    y, backward = layer.forward(asarray(x), training=True)
    assert y.shape == (4, *layer.output_shape)
    assert backward(y, False) is None


@pytest.mark.parametrize("name", MADE)
def test_an_empty_batch(backend: Any, name: str) -> None:
    layer = built(name, backend)
    y, backward = layer.forward(asarray(np.zeros((0, *layer.input_shape))))
    assert y.shape == (0, *layer.output_shape)
    assert backward(y, True).shape == (0, *layer.input_shape)


def test_joins_by_hand(backend: Any) -> None:
    x = asarray(np.random.default_rng(1).standard_normal((4, 3)))
    tripled = to_numpy(x) * 3
    for join, expected in {
        "add": to_numpy(x) + tripled,
        "multiply": to_numpy(x) * tripled,
        "concat": np.concatenate([tripled, to_numpy(x)], axis=1),
    }.items():
        layer = nn.Parallel([nn.Dense(3, use_bias=False)], [], join=join)
        layer.build((3,), dtype=np.float64)
        layer.children[0].params["w"][...] = 3 * np.eye(3)
        place(layer.children[0], backend)
        np.testing.assert_allclose(to_numpy(layer.forward(x)[0]), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("layers", "before", "made"),
    [
        ([nn.Dense(5)], (5,), None),
        ([nn.Dense(5)], (4,), nn.Dense),
        ([nn.Conv2D(3, 3, padding=1)], (3, 7, 8), None),
        ([nn.Conv2D(4, 3, padding=1)], (3, 7, 8), (1, 1)),
        ([nn.Conv2D(4, 3, padding=1, stride=(2, 3))], (3, 7, 8), (2, 3)),
        ([nn.GlobalAvgPool2D(), nn.Dense(6), nn.Dense(3)], (3, 7, 8), "lead from"),
        ([nn.Conv2D(3, 3)], (3, 7, 8), "same"),
        ([nn.Flatten()], (3, 7, 8), "projection="),
    ],
)
def test_projections_are_made_where_shapes_differ(layers: Any, before: Any, made: Any) -> None:
    layer = nn.Residual(layers)
    if isinstance(made, str):
        with pytest.raises(ValueError, match=made):
            layer.build(before)
        return
    layer.build(before)
    if made is None:
        assert layer.projection is None
    elif made is nn.Dense:
        assert (type(layer.projection), layer.projection.units) == (nn.Dense, 5)
    else:
        assert (layer.projection.stride, layer.projection.filters) == (made, 4)
        assert layer.projection.name == "projection"


def test_channels_last_and_c_order_join_alike(backend: Any) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for join in JOINS:
        layer = nn.Parallel([nn.Conv2D(3, 1)], [], join=join)
        layer.build(x.shape[1:], seed=0, dtype=np.float64)
        place(layer.children[0], backend)
        ours, theirs = (to_numpy(layer.forward(asarray(a))[0]) for a in (x, last))
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_names_are_unique_inside() -> None:
    layer = nn.Parallel([nn.Dense(2), nn.Dense(2)], [nn.Dense(2, name="own")], [nn.Dense(2)])
    assert [inner.name for inner in layer.children] == ["dense", "dense_1", "own", "dense_2"]


def test_freezing_one_freezes_what_is_in_it() -> None:
    layer = nn.Residual([nn.Chain([nn.Dense(3), nn.Dense(3)])])
    layer.build((3,))
    layer.trainable = False
    assert not any(leaf.trainable for leaf in leaves([layer]))
    layer.children[0].children[1].trainable = True
    assert layer.trainable


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: nn.Residual([]), ValueError, "at least one layer"),
        (lambda: nn.Residual([], nn.Dense(3)), ValueError, "at least one layer"),
        (lambda: nn.Chain([]), ValueError, "at least one layer"),
        (lambda: nn.Parallel([], []), ValueError, "at least one layer"),
        (lambda: nn.Parallel([nn.Dense(3)]), ValueError, "two branches or more"),
        (lambda: nn.Parallel([nn.Dense(3)], [], join="sum"), ValueError, "unknown join 'sum'"),
        (lambda: nn.Residual(nn.Dense(3)), TypeError, "lists of layers"),
        (lambda: nn.Parallel(nn.Dense(3), nn.Dense(3)), TypeError, "lists of layers"),
        (lambda: nn.Chain([nn.Dense]), TypeError, r"Dense is a class: write Dense"),
        (lambda: nn.Chain(["dense"]), TypeError, "expected layers"),
        (lambda: nn.Chain([nn.Dense(3, name="a/b")]), ValueError, "must not have '/'"),
    ],
)
def test_what_cannot_be_made(make: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (nn.Parallel([nn.Dense(3)], []), r"\(3,\) and \(4,\), but 'add' needs one shape"),
        (nn.Parallel([nn.Conv2D(2, 3)], [], join="concat"), "except for the channels"),
        (nn.Residual([nn.Dense(3)], nn.Dense(2)), r"projection gives \(2,\).* \(3,\)"),
        (nn.Chain([nn.Chain([nn.Flatten(), nn.Conv2D(3, 3)])]), "'chain'.*'conv2d'"),
    ],
)
def test_what_does_not_fit(layer: Any, words: str) -> None:
    shape = (3, 6, 6) if "channels" in words or "chain" in words else (4,)
    with pytest.raises(ValueError, match=words):
        nn.Sequential([layer]).build(shape)


def test_layers_within_layers_have_a_limit() -> None:
    layer: nn.Layer = nn.Dense(2)
    for _ in range(MOST_DEPTH):
        layer = nn.Chain([layer])
    with pytest.raises(ValueError, match=f"more than {MOST_DEPTH} deep"):
        nn.Residual([layer])


@pytest.mark.parametrize("name", MADE)
def test_settings_make_the_same_layer(name: str) -> None:
    layer = MADE[name][0]()
    again = type(layer).from_config(layer.config())
    assert repr(again) == repr(layer)
    assert repr(eval(repr(layer), vars(nn))) == repr(layer)
