"""What training and prediction recorded goes with the model, on each backend."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import nnaccel as nn

from ..each_backend import NO_TORCH

NAMES = ["numpy", "numba", *([] if NO_TORCH else ["torch"])]


@pytest.mark.parametrize("name", NAMES)
def test_a_dropped_model_takes_its_arrays_with_it(name: str) -> None:
    """At once: the garbage collector counts objects, which are few however large the arrays."""
    x, y = np.eye(8, dtype=np.float32), np.arange(8) % 2
    gc.disable()
    try:
        with nn.use_backend(name):
            model = nn.Sequential([nn.Dense(2, "softmax")], seed=0)
            model.compile("categorical_crossentropy", "adam", metrics=["accuracy"])
            history = model.fit(x, y, epochs=2, batch_size=3, validation_data=(x, y), verbose=0)
            model.predict(x)
        held = weakref.ref(model.layers[0])
        del model
        assert held() is None
    finally:
        gc.enable()
    assert len(history.epoch) == 2
