"""The torch backend on a GPU, told by a fake `torch.cuda`: what is captured, and in which order."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.backends import Backend, get_backend
from nnaccel.conformance.calls import CALLS
from nnaccel.conformance.comparing import assert_same, run

from ..each_backend import NO_TORCH

if NO_TORCH:
    pytest.skip(NO_TORCH, allow_module_level=True)

import torch

from nnaccel.backends import _select, _torch
from nnaccel.backends._torch_graphs import TorchGraphs
from nnaccel.backends._upload import Uploader
from nnaccel.training import piece_stream
from nnaccel_kernels.torch import numbers, optimizers

from .. import fake_torch_cuda as fake

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(130, 2, 7, 6)).astype(np.float32), RNG.integers(0, 3, 130)


@pytest.fixture
def reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels compute with numbers where they lie, as on a GPU."""
    monkeypatch.setattr(numbers, "is_read", lambda tensor: False)


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch, reads_nothing: None) -> Iterator[Backend]:
    """Make the torch backend, whose steps the fake captures, the current one."""
    captured = _torch.captured(_torch.make(""), TorchGraphs(fake, torch.device("cpu")))
    monkeypatch.setattr(_torch, "make", lambda device: captured)
    _select._make.cache_clear()
    fake.events.clear()
    with nn.use_backend("torch") as chosen:
        yield chosen
    _select._make.cache_clear()


def trained(layers: list[nn.Layer], dtype: str, optimizer: Any, **settings: Any) -> list[float]:
    model = nn.Sequential(layers, seed=1, dtype=dtype)
    model.compile("categorical_crossentropy", optimizer, metrics=["accuracy"])
    how = {"epochs": 3, "batch_size": 16, "verbose": 0, "validation_split": 0.2, **settings}
    history = model.fit(X, Y, **how).history
    return [*history["loss"], *history["val_loss"], *history["accuracy"]]


def perceptron() -> list[nn.Layer]:
    hidden = nn.Dense(16, "relu", penalty="l2")
    return [nn.Flatten(), hidden, nn.Dropout(0.2), nn.Dense(3, "softmax")]


def convolutions() -> list[nn.Layer]:
    return [
        nn.Conv2D(4, 3, "relu", padding="same", constraint=nn.MaxNorm(2.0)),
        nn.MaxPool2D(2),
        nn.BatchNorm(),
        nn.Residual([nn.Conv2D(4, 3, padding="same"), nn.LayerNorm()]),
        nn.Activation("gelu"),
        nn.AvgPool2D(2, stride=1),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Dense(3, "softmax"),
    ]


RULES: dict[str, Any] = {
    "sgd": nn.optim.SGD(0.01, momentum=0.9, nesterov=True),
    "adagrad": nn.optim.Adagrad(0.01),
    "rmsprop": nn.optim.RMSprop(0.001, momentum=0.5),
    "adam": nn.optim.Adam(global_clipnorm=0.1, use_ema=True, gradient_accumulation_steps=2),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_captured_steps_train_as_numpy_does(
    backend: Backend, rule: str, dtype: str, caplog: pytest.LogCaptureFixture
) -> None:
    """So they read nothing, and copy nothing from the host: the fake would refuse it."""
    ours = trained(perceptron(), dtype, RULES[rule])
    assert fake.events.count("replay") > 10
    assert not caplog.records
    with nn.use_backend("numpy"):
        wanted = trained(perceptron(), dtype, RULES[rule])
    np.testing.assert_allclose(ours, wanted, rtol=2e-3 if dtype == "float32" else 2e-2)


def test_images_and_their_changes_are_captured(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    changes = nn.data.Augment(shift=1, rotate=10, elastic=1, flip=True, cutout=2)
    ours = trained(convolutions(), "float32", "adam", augment=changes)
    assert fake.events.count("replay") > 10
    assert not caplog.records
    with nn.use_backend("numpy"):
        wanted = trained(convolutions(), "float32", "adam", augment=changes)
    np.testing.assert_allclose(ours, wanted, rtol=2e-3)


@pytest.mark.parametrize("name", optimizers.__all__)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_updates_whose_rate_is_not_read(reads_nothing: None, name: str, dtype: str) -> None:
    for seed in range(6):
        args = CALLS[name](np.random.default_rng(seed), 5, 40, np.dtype(dtype))
        want = run(get_backend("numpy"), name, args)
        assert_same(run(get_backend("torch"), name, args), want, dtype)


def counting(backend: Backend) -> tuple[Any, Any]:
    """Return a counter and the replay of a step that counts."""
    counter = backend.xp.zeros(1, "int64")
    return counter, backend.record(lambda: backend.kernels.advance(counter))


@pytest.mark.parametrize("repeats", [(1, 1, 1, 1), (1, 4), (9,)])
def test_a_step_is_warmed_up_captured_and_replayed(
    backend: Backend, repeats: tuple[int, ...]
) -> None:
    counter, replay = counting(backend)
    for each in repeats:
        replay(each)
    assert int(counter) == sum(repeats)
    if len(repeats) == 4:
        assert fake.events == ["warm"], "too few runs for a graph"
    else:
        assert fake.events == ["warm", "begin", "end", *(sum(repeats) - 1) * ["replay"]]


def test_host_rows_run_between_two_graphs(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    counter, seen = backend.xp.zeros(1, "int64"), []

    def look() -> None:
        fake.events.append("host")
        seen.append(int(counter))

    def step() -> None:
        backend.kernels.advance(counter)
        backend.host(look)
        backend.kernels.advance(counter)

    caplog.set_level("INFO", "nnaccel")
    replay = backend.record(step)
    replay(6)
    assert seen == [1, 3, 5, 7, 9, 11]
    assert int(counter) == 12
    capture = ["begin", "end", "begin", "end", "begin", "end"]  # the first meets the host row
    assert fake.events == ["warm", "host", *capture, *5 * ["replay", "host", "replay"]]
    assert "have parts in Python" in caplog.text or "has parts in Python" in caplog.text


def test_a_step_that_reads_the_device_runs_kernel_by_kernel(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    counter, seen = backend.xp.zeros(1, "int64"), []

    def step() -> None:
        backend.kernels.advance(counter)
        seen.append(int(counter))

    replay = backend.record(step)
    replay(9)
    assert seen == list(range(1, 10))
    assert "replay" not in fake.events
    told = [record.message for record in caplog.records]
    assert len(told) == 1
    assert "could not be captured" in told[0]
    assert fake.REFUSED in told[0]
    counter, replay = counting(backend)
    replay(9)
    assert fake.events.count("replay") == 8, "a capture that failed spoils no other"
    assert int(counter) == 9


def test_a_pool_whose_graphs_have_gone_is_not_used_again(backend: Backend) -> None:
    for _ in range(2):
        counter, replay = counting(backend)
        replay(9)
        assert int(counter) == 9
        del replay
        gc.collect()
    assert fake.events.count("replay") == 16


def test_a_device_without_room_is_tried_again(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter, tries = backend.xp.zeros(1, "int64"), []

    def step() -> None:
        tries.append(0)
        if len(tries) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        backend.kernels.advance(counter)

    replay = backend.record(step)
    replay(9)
    assert int(counter) == 9
    assert len(tries) == 3
    assert fake.events.count("empty_cache") == 1


def test_short_steps_are_captured_many_in_a_row(backend: Backend) -> None:
    counter, replay = counting(backend)
    replay(5)
    fake.events.clear()
    replay(64)
    assert fake.events.count("replay") == 4
    assert int(counter) == 69


def test_data_too_large_for_the_device_go_there_in_pieces(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = trained(perceptron(), "float32", "adam")
    monkeypatch.setitem(fake.free, "bytes", X.nbytes)
    monkeypatch.setattr(piece_stream, "PIECE_BYTES", X.nbytes // 3)
    sent = []
    send = Uploader.send
    monkeypatch.setattr(Uploader, "send", lambda self, *a: (sent.append(a), send(self, *a)))
    assert trained(perceptron(), "float32", "adam") == wanted
    assert len(sent) > 3
