"""The torch backend on a device without float64, such as Apple's: told by one that refuses it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.backends import _select, get_backend, to_numpy
from nnaccel_kernels.reference import namespace

from ..each_backend import NO_TORCH

if NO_TORCH:
    pytest.skip(NO_TORCH, allow_module_level=True)

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from nnaccel_kernels.torch import dtypes

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(150, 2, 7, 6)), RNG.integers(0, 3, 150)


class NoFloat64(TorchDispatchMode):
    """Refuses float64, as a device without it does."""

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        for each in (*args, result):
            if getattr(each, "dtype", None) is torch.float64 and each.ndim:
                raise TypeError(f"no float64 here: {function}")
        return result


def forget() -> None:
    """What is known of the device is found again."""
    for known in (dtypes.has_float64, dtypes.torch_dtype, namespace._widest, _select._make):
        known.cache_clear()


@pytest.fixture
def narrow() -> Iterator[Any]:
    """Make the backend of such a device the current one."""
    forget()
    try:
        with NoFloat64(), nn.use_backend("torch") as backend:
            yield backend
    finally:
        forget()


def trained(optimizer: Any, dtype: str, **settings: Any) -> tuple[list[float], Any]:
    layers = [
        nn.Conv2D(4, 3, "relu", padding="same", constraint=nn.MaxNorm(2.0)),
        nn.MaxPool2D(2),
        nn.BatchNorm(),
        nn.Residual([nn.Conv2D(4, 3, padding="same"), nn.LayerNorm()]),
        nn.AvgPool2D(2, stride=1),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Dense(3, "softmax", penalty="l2"),
    ]
    model = nn.Sequential(layers, seed=1, dtype=dtype)
    model.compile("categorical_crossentropy", optimizer, metrics=["accuracy"])
    how = {"epochs": 1, "batch_size": 16, "verbose": 0, "validation_split": 0.2, **settings}
    history = model.fit(X, Y, **how).history
    return [*history["loss"], *history["val_loss"], *history["accuracy"]], model.predict(X)


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_training_sums_in_float32(narrow: Any, dtype: str) -> None:
    assert not narrow.doubles
    rule = nn.optim.Adam(global_clipnorm=0.1, use_ema=True, gradient_accumulation_steps=2)
    changes = nn.data.Augment(shift=1, rotate=10, elastic=1)
    ours = trained(rule, dtype, augment=changes)
    with nn.use_backend("numpy"):
        wanted = trained(rule, dtype, augment=changes)
    for got, want in zip(ours, wanted, strict=True):
        np.testing.assert_allclose(to_numpy(got), want, rtol=2e-3, atol=2e-3)


def test_metrics_in_array_code(narrow: Any) -> None:
    def closeness(outputs: Any, targets: Any) -> Any:
        return (outputs * targets).sum(axis=1)

    found = []
    for backend in (narrow.name, "numpy"):
        model = nn.Sequential([nn.Dense(3)], seed=0).to(backend)
        model.compile("mse", "sgd", [closeness, "r2", "mae"])
        model.fit(X.reshape(150, -1), X[:, 0, 0, :3], verbose=0)
        found.append(model.evaluate(X.reshape(150, -1), X[:, 0, 0, :3]))
    np.testing.assert_allclose(*found, rtol=1e-4)


def test_float64_becomes_float32(narrow: Any) -> None:
    xp = narrow.xp
    for array in (xp.asarray(X), xp.zeros(3), xp.empty(3, np.float64), xp.asarray([1.5])):
        assert array.dtype == np.float32
    assert xp.asarray([1, 2]).astype("float64").dtype == np.float32
    assert xp.asarray([1, 2]).sum(dtype="float64").dtype == np.float32
    assert xp.asarray([1, 2]).dtype == np.int64


@pytest.mark.parametrize("moved", [False, True])
def test_models_of_float64_are_refused(narrow: Any, moved: bool) -> None:
    model = nn.Sequential([nn.Dense(3)], dtype="float64")
    if moved:
        with nn.use_backend("numpy"):
            model.build((4,))
    with pytest.raises(TypeError, match=r"of float64 cannot be .* To fix: make"):
        model.to("torch") if moved else model.build((4,))


def test_other_devices_have_it() -> None:
    assert get_backend("torch").doubles
