"""What the cupy backend does to keep a GPU busy, told by the fake: transfers, captured steps."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.backends import _capture

from .. import fake_cupy as fake
from ..fake_cupy import transfers
from .test_cupy_path import X, assert_close, fit, make


@pytest.fixture(autouse=True)
def _with_the_fake(fake_cupy: Any) -> None:
    """Every test here needs it."""


def test_nothing_crosses_from_batch_to_batch() -> None:
    """The set goes up once; then only sums come down, once an epoch."""
    counts = []
    with nn.use_backend("cupy"):
        for rows in (32, 192):
            model = make()
            model.build((6, 5))
            transfers.clear()
            fit(model, 1, rows=rows, validation_data=None)
            counts.append(dict(transfers))
    few, many = counts
    assert many == few
    with nn.use_backend("cupy"):
        transfers.clear()
        model.predict(X, batch_size=50)
    assert transfers == {"to_device": 2, "to_host": 5}, "rows and their order; five batches"


def test_a_step_that_cannot_be_captured_runs_kernel_by_kernel(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    losses = []
    for name in ("numpy", "cupy"):
        with nn.use_backend(name):
            losses.append(fit(make())["loss"])
    launched = fake.Graph.launched
    assert launched > 10

    def refuse(_: Any) -> None:
        raise RuntimeError("operation not supported")

    monkeypatch.setattr(fake.Stream, "begin_capture", refuse)
    with nn.use_backend("cupy"):
        losses.append(fit(make(), validation_data=None)["loss"])
    assert fake.Graph.launched == launched
    assert_close(losses[1], losses[0])
    assert_close(losses[2], losses[0])
    told = [record.message for record in caplog.records if "captured" in record.message]
    assert len(told) == 1, "of full batches: there are too few others"
    assert told[0].endswith("slower: RuntimeError: operation not supported")


@pytest.mark.parametrize(("repeats", "launched"), [((1, 1, 1, 1), 0), ((1, 4), 4), ((9,), 8)])
def test_few_runs_are_not_worth_a_graph(repeats: tuple[int, ...], launched: int) -> None:
    with nn.use_backend("cupy") as backend:
        count = backend.xp.zeros(1, "int64")
        replay, before = backend.record(lambda: backend.kernels.advance(count)), fake.Graph.launched
        for each in repeats:
            replay(each)
        assert fake.Graph.launched - before == launched
        assert int(count) == sum(repeats)


def test_short_steps_are_captured_many_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    for small, launched in ((1000, [4, 62 // 16 + 62 % 16, 1]), (999, [4, 62, 1])):
        monkeypatch.setattr(_capture, "_MIN_REPEATS", 60)
        monkeypatch.setattr(_capture, "_MAX_POOL_BYTES", small)
        with nn.use_backend("cupy") as backend:
            count, counts = backend.xp.zeros(1, "int64"), []
            replay = backend.record(lambda count=count: backend.kernels.advance(count))
            for repeats in (5, 62, 1):
                before = fake.Graph.launched
                replay(repeats)
                counts.append(fake.Graph.launched - before)
        assert counts == launched
        assert int(count) == 5 + 62 + 1


def test_a_graph_that_finds_no_room_gets_what_lies_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    with nn.use_backend("cupy") as backend:
        count, freed = backend.xp.zeros(1, "int64"), list[bool]()
        pool = SimpleNamespace(free_all_blocks=lambda: freed.append(True))
        monkeypatch.setattr(sys.modules["cupy"], "get_default_memory_pool", lambda: pool)

        def step() -> None:
            if fake._captured is not None and not freed:
                raise MemoryError("out of memory")
            backend.kernels.advance(count)

        before = fake.Graph.launched
        backend.record(step)(9)
        assert (int(count), fake.Graph.launched - before, freed) == (9, 8, [True])


def test_what_interrupts_a_capture_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(fake.Stream):
        def begin_capture(self) -> None:
            super().begin_capture()
            raise KeyboardInterrupt

    monkeypatch.setattr(fake, "Stream", Interrupted)
    monkeypatch.setattr(sys.modules["cupy"].cuda, "Stream", Interrupted)
    with nn.use_backend("cupy"):
        model = make()
        with pytest.raises(KeyboardInterrupt):
            fit(model)
    assert np.isfinite(model.predict(X)).all()


def test_a_device_without_room_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with nn.use_backend("cupy"):
        model = make()
        model.build((6, 5))

        def full(*_: Any) -> None:
            raise MemoryError("Out of memory allocating 9 bytes")

        monkeypatch.setattr(sys.modules["cupy"], "empty", full)
        with pytest.raises(MemoryError, match="allocating 9 bytes") as raised:
            model.predict(X)
    assert "make batch_size smaller" in raised.value.__notes__[0]
