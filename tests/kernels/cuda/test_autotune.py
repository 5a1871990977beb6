"""The choice of an algorithm by measuring, without a GPU: a clock that says what it is told."""

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
    """Stands for CuPy, and for algorithms that only take time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.clock, self.capturing, self.runs = 0.0, False, list[tuple[str, str]]()
        gpu = self

        class Event:
            def record(self) -> None:
                self.at = gpu.clock

            def synchronize(self) -> None: ...

        properties = {"name": b"GPU of glass"}
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
        """As in a new process."""
        monkeypatch.setattr(autotune, "_won", {})
        monkeypatch.setattr(autotune, "_names", {})

    def _algorithm(self, name: str) -> Any:
        def run(direction: str) -> Any:
            def spend(*args: Any) -> None:
                assert all(isinstance(a, np.ndarray) and a.any() for a in args[:2])
                self.clock += MS[name]
                self.runs.append((name, direction))

            return spend

        ways = ("forward", "input_gradient", "weight_gradient")
        return SimpleNamespace(workspace=lambda *_: 7, **{way: run(way) for way in ways})


def plan(direction: str = "forward", n: int = 2, budget: int = 1 << 20, how: str = "auto") -> Any:
    shapes = (n, 16, 9, 9), (16, 16, 3, 3)
    return cuda.kernels.conv2d_plan(direction, *shapes, Window((3, 3)), 1, 4, how, budget)


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
    monkeypatch.setitem(MS, "gemm", 0.1)  # as another load of the machine might have it
    assert plan() == chosen
    assert len(gpu.runs) == before
    gpu.forget(monkeypatch)
    monkeypatch.setattr(autotune, "toolchain", lambda: "other kernels")
    assert plan().algorithm == "gemm"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b'{"by": "%s", "won": []}',
        b'{"by": "%s", "won": {"a": 3}}',
        b'{"by": "%s", "won": {"a": [1, 2, 3]}}',
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("whole", [False, True], ids=["damaged", "planted"])
def test_a_broken_file_is_measured_over(gpu: Gpu, content: bytes, whole: bool) -> None:
    cache, name = disk_cache.disk_cache(), "fastest-GPU-of-glass.json"
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

    autotune.fastest(("a",), way("first"))
    in_memory = autotune._won
    gpu.forget(monkeypatch)
    autotune.fastest(("b",), way("other"))
    monkeypatch.setattr(autotune, "_won", in_memory)
    autotune.fastest(("c",), way("last"))
    gpu.forget(monkeypatch)
    kept = [autotune.fastest((kind,), way("again")) for kind in "abc"]
    assert [won and won[0] for won in kept] == ["first", "other", "last"]


def test_where_nothing_can_be_measured_there_is_a_rule(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu.capturing = True
    assert plan().algorithm == "winograd"
    assert plan(n=0).algorithm == "winograd"
    assert plan(budget=3).algorithm == "gemm"
    assert plan(how="im2col").algorithm == "im2col"
    gpu.capturing = False

    def full(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(sys.modules["cupy"], "arange", full)
    assert plan().algorithm == "winograd"
    assert gpu.runs == []


def test_a_way_that_the_device_has_not_is_left_out(gpu: Gpu) -> None:
    def missing() -> None:
        raise NotImplementedError("none here")

    def slow() -> None:
        gpu.clock += 9

    assert autotune.fastest(("a",), lambda _: {"new": missing, "old": slow}) == (
        "old",
        "the fastest here, in ms: old 9",
    )


def test_tf32_is_measured_on_its_own(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    for tf32, way in ((False, "exact"), (True, "rounded"), (False, "exact")):
        monkeypatch.setattr(autotune, "uses_tf32", lambda tf32=tf32: tf32)
        won = autotune.fastest(("a",), lambda _, way=way: {way: lambda: None})  # type: ignore[misc]
        assert won == (way, f"the fastest here, in ms: {way} 0")
