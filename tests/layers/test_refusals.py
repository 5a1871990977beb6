"""Layers of images refuse what would quietly compute something else than meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nnaccel.layers import AvgPool2D, Conv1D, Conv2D, Dense, Flatten, MaxPool2D, Parallel, Residual
from nnaccel.model.sequential import Sequential


@pytest.mark.parametrize("activation", ["softmax", "log_softmax"])
def test_softmax_over_positions(activation: str) -> None:
    with pytest.raises(ValueError, match="not for sequences"):
        Conv1D(5, 3, activation)


def test_images_whose_channels_come_last() -> None:
    with pytest.warns(UserWarning, match="28 channels of 28x1 pixels"):
        Sequential([Conv2D(4, 3, padding="same")]).build((28, 28, 1))


@pytest.mark.parametrize("layer", [MaxPool2D, AvgPool2D])
def test_padding_beyond_half_of_the_window(layer: type[MaxPool2D]) -> None:
    layer(3, padding=1)
    layer(2, padding=(1, 0))
    layer(2, padding=2, dilation=3)
    with pytest.raises(ValueError, match="have no pixel"):
        layer(2, padding=2)


@pytest.mark.parametrize(("size", "stride"), [(5, 1), (3, 2)])
def test_winograd_of_other_windows(size: int, stride: int) -> None:
    with pytest.raises(ValueError, match="winograd"):
        Conv2D(4, size, stride=stride, algorithm="winograd")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Parallel([[Dense(2)], [Dense(3)]]), "leave out the outer brackets"),  # type: ignore[list-item]
        (lambda: Sequential([[Dense(2)], Dense(3)]), "got a list of them: leave out its"),  # type: ignore[list-item]
        (lambda: Residual([[Dense(2)]]), "got a list of them: leave out its"),  # type: ignore[list-item]
        (lambda: Dense(3)(Dense(2)), r"it is listed.*Sequential\(\[…, Dense\(…\)\]"),
    ],
)
def test_layers_put_together_otherwise(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        make()


def test_a_class_for_a_layer() -> None:
    with pytest.raises(TypeError, match="Flatten is a class: write Flatten"):
        Sequential([Flatten, Dense(3)])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"constraint": {"max": 2.0}}, "field of a constraint 'max'.* mean 'max_norm'"),
        ({"constraint": {1: 2.0}}, "field of a constraint 1: choose one of 'max_norm'"),
        ({"penalty": {"l3": 0.1}}, "field of a penalty 'l3': choose one of 'l1', 'l2'"),
        ({"penalty": {"l1": "x"}}, "l1='x' must be a number"),
    ],
    ids=str,
)
def test_fields_that_a_dict_must_not_have(settings: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Dense(3, **settings)
