"""Autotuning without a GPU: a simulated clock, advanced by the algorithms themselves."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nnaccel_kernels import cuda, disk_cache
from nnaccel_kernels.cuda import conv2d
from nnaccel_kernels.cuda.runtime import autotune
from nnaccel_kernels.window import Window

MS = {"gemm": 3.0, "winograd": 1.0, "im2col": 2.0, "direct": 0.5}


class Gpu:
    """A stand-in for CuPy, and algorithms that only take time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.clock, self.capturing, self.runs = 0.0, False, list[tuple[str, str]]()
        gpu = self

        class Event:
            def record(self) -> None:
                self.at = gpu.clock

            def synchronize(self) -> None: ...

        properties = {"name": b"Test GPU 1"}
        runtime = SimpleNamespace(getDevice=lambda: 0, getDeviceProperties=lambda _: properties)
        stream = SimpleNamespace(is_capturing=lambda: self.capturing)
        fake = SimpleNamespace(
            runtime=runtime,
            get_current_stream=lambda: stream,
            Event=Event,
            get_elapsed_time=lambda begin, end: end.at - begin.at,
        )
        monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=fake, arange=np.arange))
        monkeypatch.setattr(disk_cache, "_cache", disk_cache.DiskCache(folder))
        monkeypatch.setattr(conv2d, "_ALGORITHMS", {name: self._algorithm(name) for name in MS})
        self.forget(monkeypatch)

    def forget(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Clear the choices in memory, as in a new process."""
        monkeypatch.setattr(autotune, "_choices", {})
        monkeypatch.setattr(autotune, "_failed", set())
        monkeypatch.setattr(autotune, "_device_names", {})

    def _algorithm(self, name: str) -> Any:
        def run(direction: str) -> Any:
            def spend(*args: Any) -> None:
                assert all(isinstance(a, np.ndarray) and a.any() for a in args[:2])
                self.clock += MS[name]
                self.runs.append((name, direction))

            return spend

        directions = ("forward", "input_gradient", "weight_gradient")
        return SimpleNamespace(workspace=lambda *_: 7, **{d: run(d) for d in directions})


def plan(
    direction: str = "forward",
    n: int = 2,
    budget: int = 1 << 20,
    algorithm: str = "auto",
    measure: bool = True,
) -> Any:
    shapes = (n, 16, 9, 9), (16, 16, 3, 3)
    question = direction, *shapes, Window((3, 3)), 1, 4, algorithm, budget
    return cuda.kernels.conv2d_plan(*question, measure=measure)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Gpu:
    return Gpu(monkeypatch, tmp_path)


@pytest.mark.parametrize("direction", ["forward", "input_gradient", "weight_gradient"])
def test_the_fastest_is_taken_and_measured_once(gpu: Gpu, direction: str) -> None:
    chosen = plan(direction)
    assert chosen.algorithm == "winograd"
    assert chosen.why == "the fastest here, in ms: gemm 3, im2col 2, winograd 1"
    assert set(gpu.runs) == {(name, direction) for name in ("gemm", "im2col", "winograd")}
    before = len(gpu.runs)
    assert plan(direction) == chosen
    assert len(gpu.runs) == before
    plan(direction, n=3)
    assert len(gpu.runs) == 2 * before


def test_the_choice_holds_in_the_next_process(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen, before = plan(), len(gpu.runs)
    gpu.forget(monkeypatch)
    monkeypatch.setitem(MS, "gemm", 0.1)  # as under another load of the machine
    assert plan() == chosen
    assert len(gpu.runs) == before
    gpu.forget(monkeypatch)
    monkeypatch.setattr(autotune, "toolchain", lambda: "other kernels")
    assert plan().algorithm == "gemm"


def test_a_look_at_a_plan_measures_and_writes_nothing(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert plan(measure=False) == ("auto", 7, "measured at the first call")
    assert plan(algorithm="gemm", measure=False).algorithm == "gemm"
    assert (gpu.runs, list(tmp_path.rglob("*.json"))) == ([], [])
    chosen, before = plan(), len(gpu.runs)
    assert plan(measure=False) == chosen
    gpu.forget(monkeypatch)
    assert plan(measure=False) == chosen
    assert len(gpu.runs) == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b'{"toolchain": "%s", "choices": []}',
        b'{"toolchain": "%s", "choices": {"a": 3}}',
        b'{"toolchain": "%s", "choices": {"a": [1, 2, 3]}}',
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("whole", [False, True], ids=["damaged", "planted"])
def test_a_broken_file_is_measured_over(gpu: Gpu, content: bytes, whole: bool) -> None:
    cache, name = disk_cache.disk_cache(), "autotune-Test-GPU-1.json"
    content = content.replace(b"%s", autotune.toolchain().encode())
    cache.write(name, content)
    if not whole:
        (cache.folder / name).write_bytes(content)
    assert plan().algorithm == "winograd"


def test_what_another_process_measured_meanwhile_is_kept(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    def way(name: str) -> Any:
        return lambda _: {name: lambda: None}

    autotune.autotune(("a",), way("first"))
    in_memory = autotune._choices
    gpu.forget(monkeypatch)
    autotune.autotune(("b",), way("other"))
    monkeypatch.setattr(autotune, "_choices", in_memory)
    autotune.autotune(("c",), way("last"))
    gpu.forget(monkeypatch)
    kept = [autotune.autotune((kind,), way("again")) for kind in "abc"]
    assert [won and won[0] for won in kept] == ["first", "other", "last"]


def test_the_default_holds_where_nothing_can_be_measured(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu.capturing = True
    assert plan().algorithm == "winograd"
    assert plan(n=0).algorithm == "winograd"
    assert plan(budget=3).algorithm == "gemm"
    assert plan(algorithm="im2col").algorithm == "im2col"
    gpu.capturing = False

    def full(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(sys.modules["cupy"], "arange", full)
    assert plan().algorithm == "winograd"
    assert gpu.runs == []


def test_what_failed_is_not_measured_at_each_call(gpu: Gpu) -> None:
    tried: list[int] = []

    def fail(_: Any) -> Any:
        tried.append(1)
        raise MemoryError

    for _ in range(3):
        assert autotune.autotune(("a",), fail) is None
    assert autotune.autotune(("b",), fail) is None
    assert len(tried) == 2


def test_a_candidate_that_the_device_does_not_support_is_skipped(gpu: Gpu) -> None:
    def missing() -> None:
        raise NotImplementedError("none here")

    def slow() -> None:
        gpu.clock += 9

    assert autotune.autotune(("a",), lambda _: {"new": missing, "old": slow}) == (
        "old",
        "the fastest here, in ms: old 9",
    )


def test_tf32_is_measured_separately(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    for tf32, name in ((False, "exact"), (True, "rounded"), (False, "exact")):
        monkeypatch.setattr(autotune, "uses_tf32", lambda tf32=tf32: tf32)
        choice = autotune.autotune(("a",), lambda _, name=name: {name: lambda: None})  # type: ignore[misc]
        assert choice == (name, f"the fastest here, in ms: {name} 0")


def test_winograds_tiles_stay_in_the_cache() -> None:
    window = Window((3, 3), padding=(1, 1, 1, 1))
    size = conv2d.winograd.workspace("forward", (64, 64, 56, 56), (64, 64, 3, 3), window, 4)
    filters = 36 * 64 * 64 * 4
    assert 16 << 20 < size - filters <= 32 << 20
