"""What the cupy backend does to keep a GPU busy, told by the fake: transfers, captured steps."""

from __future__ import annotations

import gc
import sys
import weakref
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.backends import _capture

from .. import fake_cupy as fake
from .. import fake_memory
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
    for most, launched in ((800, [4, 62 // 16 + 62 % 16, 1]), (799, [4, 62, 1])):
        monkeypatch.setattr(_capture, "_MIN_REPEATS", 60)
        monkeypatch.setattr(_capture, "_MAX_STEP_BYTES", most)
        with nn.use_backend("cupy") as backend:
            count, counts = backend.xp.zeros(1, "int64"), []

            def step(backend: Any = backend, count: Any = count) -> None:
                for _ in range(2):
                    backend.empty(100, "float32")
                backend.kernels.advance(count)

            replay = backend.record(step)
            for repeats in (5, 62, 1):
                before = fake.Graph.launched
                replay(repeats)
                counts.append(fake.Graph.launched - before)
        assert counts == launched
        assert int(count) == 5 + 62 + 1


def graph_of(*sizes: int) -> nn.backends.Replay:
    """The replay of a captured step that has arrays of some sizes in use at a time."""

    def step() -> None:
        held = [nn.get_backend("cupy").empty(size, "uint8") for size in sizes]
        assert len(held) == len(sizes)

    replay = nn.get_backend("cupy").record(step)
    replay(9)
    return replay


def test_graphs_share_their_memory_and_the_last_gives_it_back() -> None:
    before = fake_memory.device["used"]
    graphs = [graph_of(1000), graph_of(400), graph_of(700)]
    assert fake_memory.device["used"] == before + 1000, "what the largest needs"
    del graphs[0]
    assert fake_memory.device["used"] == before + 1000, "others may use it still"
    graphs.clear()
    assert fake_memory.device["used"] == before


def test_an_array_that_outlives_its_graph_goes_with_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, kept = fake_memory.device["used"], list[Any]()
    with nn.use_backend("cupy") as backend:
        replay = backend.record(lambda: kept.append(backend.empty(1000, "uint8")))
        replay(9)
        del replay
        kept.clear()
    graph_of(10)
    assert fake_memory.device["used"] == before


def test_models_come_and_go_without_a_trace() -> None:
    gc.collect()
    before = fake_memory.device["used"]
    with nn.use_backend("cupy"):
        for _ in range(2):
            model = make()
            fit(model, 1)
            model.predict(X, batch_size=16)
            del model
            gc.collect()
            assert fake_memory.device["used"] == before


def test_a_graph_holds_what_its_kernels_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library's workspace, after the thread that captured the graph has ended."""

    class Lease:
        pass

    lease = Lease()
    alive = weakref.ref(lease)
    monkeypatch.setattr(fake, "leased", [lease])
    replay = graph_of(10)
    fake.leased[:] = [None]
    del lease
    assert alive() is not None
    del replay
    assert alive() is None


def test_no_batch_of_a_stream_waits_for_the_device() -> None:
    counts = []
    with nn.use_backend("cupy"):
        for batches in (10, 40):
            model = make()
            model.build((6, 5))
            stream = [(X[:20], np.arange(20) % 3)] * batches
            transfers.clear()
            model.fit(stream, verbose=0)
            counts.append(transfers["to_host"])
    assert counts[0] == counts[1]


class HitsOfAnother(nn.metrics.Metric):
    """A metric that predicts with another model, whose graphs then run between two of ours."""

    name = "another"

    def __init__(self, model: nn.Sequential) -> None:
        self.model = model

    def reset(self) -> None:
        self.total = 0.0

    def update(self, outputs: Any, targets: Any) -> None:
        self.total += float(self.model.predict(X, batch_size=16).sum())

    def result(self) -> float:
        return self.total


def test_graphs_that_run_between_two_of_a_step_leave_its_memory_alone() -> None:
    results = []
    for name in ("numpy", "cupy"):
        with nn.use_backend(name):
            other, model = make(), make()
            other.build((6, 5))
            model.compile("mse", "adam", [HitsOfAnother(other)])
            results.append(fit(model, 3, validation_data=None)["loss"])
    assert_close(*results)


def test_a_graph_that_finds_no_room_gets_what_lies_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the first attempt had is free again, too."""
    idle = [fake_memory.Memory(500)]
    monkeypatch.setitem(fake_memory.device, "size", fake_memory.device["used"] + 500)
    pool = SimpleNamespace(free_all_blocks=idle.clear)
    monkeypatch.setattr(sys.modules["cupy"], "get_default_memory_pool", lambda: pool)
    before = fake.Graph.launched
    replay = graph_of(400, 500)
    assert (fake.Graph.launched - before, idle) == (8, [])
    del replay


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
