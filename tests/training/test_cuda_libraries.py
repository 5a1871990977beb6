"""Models on arrays of another library on CUDA devices, over stand-ins: no GPU runs this."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.backends import _in_flight, use_backend

from .. import fake_dlpack, fake_memory
from ..fake_cupy import transfers
from ..fake_dlpack import draw, faraway, on  # noqa: F401

pytestmark = pytest.mark.usefixtures("faraway")


def make() -> nn.Sequential:
    model = nn.Sequential([nn.Dense(4, "relu"), nn.Dense(2, "softmax")], seed=0)
    model.compile(loss="categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("current", ["cupy", "numba"])
def test_models_take_them(current: str) -> None:
    x, y, weights = draw(8, 3), np.arange(8) % 2, np.ones(8, np.float32)
    data = on(0, x), on(0, y)
    with use_backend(current):
        model, same = make(), make()
        history = model.fit(*data, sample_weight=on(0, weights), validation_split=0.25, verbose=0)
        wanted = same.fit(x, y, sample_weight=weights, validation_split=0.25, verbose=0)
        assert history.history["loss"] == pytest.approx(wanted.history["loss"])
        model.fit([data, data], validation_data=data, verbose=0)
        same.fit([(x, y), (x, y)], validation_data=(x, y), verbose=0)
        np.testing.assert_allclose(model.predict(data[0]), same.predict(x), rtol=1e-5)
        assert model.evaluate(*data) == pytest.approx(same.evaluate(x, y))
        assert model.train_on_batch(*data) == pytest.approx(same.train_on_batch(x, y))
        assert type(model.predict(data[0])) is np.ndarray
        np.testing.assert_array_equal(nn.to_numpy(nn.asarray(data[0])), x)


def test_rows_of_a_training_stay_on_the_device() -> None:
    with use_backend("cupy"):
        model, x, y = make(), on(0, draw(64, 3)), np.arange(64) % 2
        model.fit(x, y, epochs=1, verbose=0)
        transfers.clear()
        model.fit(x, y, epochs=1, verbose=0)
        with_tensor = transfers.copy()
        transfers.clear()
        model.fit(x.memory, y, epochs=1, verbose=0)
    assert with_tensor["to_device"] == transfers["to_device"] - 1
    assert with_tensor["to_host"] == transfers["to_host"]


def test_batches_are_held_until_the_device_has_read_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_in_flight, "_held", [])
    monkeypatch.setitem(fake_memory.device, "busy", 1)
    seen = []

    def batches() -> Iterator[tuple[fake_dlpack.Tensor, np.ndarray]]:
        for number in range(3):
            x = draw(8, 3, seed=number)
            seen.append(weakref.ref(x))
            yield fake_dlpack.Tensor(x), np.arange(8) % 2

    with use_backend("cupy"):
        make().fit(batches, verbose=0)
        gc.collect()
        assert len(seen) == 3 + 1, "the first builds the model"
        assert sum(reference() is not None for reference in seen) >= 3
        monkeypatch.setitem(fake_memory.device, "busy", 0)
        make().fit([(on(0, draw(8, 3)), np.arange(8) % 2)], verbose=0)
    gc.collect()
    assert all(reference() is None for reference in seen)


def test_models_name_another_device() -> None:
    with use_backend("numpy"):
        make().fit(on(1, draw(8, 3)), on(1, np.arange(8) % 2), verbose=0)
    with use_backend("cupy"):
        with pytest.raises(
            TypeError,
            match=r"inputs lie on cuda:1, but the current device is cuda:0.*Device\(1\):",
        ):
            make().fit(on(1, draw(8, 3)), np.arange(8) % 2, verbose=0)
        with fake_dlpack.Device(1):
            make().fit(on(1, draw(8, 3)), np.arange(8) % 2, verbose=0)
