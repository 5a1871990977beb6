from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnaccel.layers import Conv2D, Dense, Dropout
from nnaccel.layers.penalties import L2
from nnaccel.model.architectures import ARCHITECTURES, convolutional
from nnaccel.model.sequential import Sequential


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("side", [8, 28])
def test_they_take_images_small_and_large(backend: Any, name: str, side: int) -> None:
    model = Sequential([*convolutional(name, (side, side)), Dense(10, "softmax")], seed=0)
    y = model.predict(np.zeros((2, side, side), np.uint8))
    assert y.shape == (2, 10)
    np.testing.assert_allclose(y.sum(1), 1, rtol=1e-5)


def test_their_sizes() -> None:
    for name, wanted in (("cnn", 1_199_882), ("lenet", 431_080)):
        model = Sequential([*convolutional(name), Dense(10)])
        model.build((28, 28))
        assert model.count_params == wanted


def test_options_reach_the_layers() -> None:
    made = convolutional("cnn", activation="tanh", dropout=0.3, penalty=L2(0.1))
    assert [type(layer).__name__ for layer in made] == [
        "Conv2D", "Conv2D", "MaxPool2D", "Dropout", "Dense", "Dropout",
    ]  # fmt: skip
    for layer in made:
        if isinstance(layer, Conv2D | Dense):
            assert (layer.activation, layer.penalty.l2) == ("tanh", 0.1)
    assert [layer.rate for layer in made if isinstance(layer, Dropout)] == [0.15, 0.3]


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(ValueError, match="Did you mean 'lenet'"):
        convolutional("lenet5")
