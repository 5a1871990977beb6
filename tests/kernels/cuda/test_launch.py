"""Launching kernels through CuPy, without a GPU: compilation, cached PTX, and arguments."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numba import types

from nnaccel_kernels import cuda, disk_cache
from nnaccel_kernels.cuda import activation
from nnaccel_kernels.cuda.runtime import launch, ptx
from nnaccel_kernels.cuda.runtime.arguments import flatten, size_of
from nnaccel_kernels.cuda.runtime.half import HalfArrayType
from nnaccel_kernels.window import Window

PTX = ".visible .entry some_kernel(\n{}\n)\n{{ ret; }}"


def declared(*bits: str) -> str:
    return PTX.format(
        ",\n".join(f"\t.param .{b} some_kernel_param_{i}" for i, b in enumerate(bits))
    )


class Gpu:
    """A stand-in for CuPy's launches, which records them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, ptx: str) -> None:
        self.compiled, self.launched = 0, list[Any]()

        def compile_it(*_: Any) -> str:
            self.compiled += 1
            return ptx

        def device() -> Any:
            return SimpleNamespace(compute_capability=self.capability)

        self.capability = "90"

        self.loaded = list[bytes]()
        module = SimpleNamespace(load=self.loaded.append, get_function=lambda name: self._launch)
        self.number = 0
        runtime = SimpleNamespace(getDevice=lambda: self.number, driverGetVersion=lambda: 13000)
        function = SimpleNamespace(Module=lambda: module)
        fake = SimpleNamespace(runtime=runtime, function=function, Device=device)
        monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=fake))
        monkeypatch.setattr(launch, "ptx_of", compile_it)
        monkeypatch.setattr(launch, "machine_code", lambda *of: repr((of[0], *of[2:])).encode())
        monkeypatch.setattr(launch, "_functions", {})

    def _launch(self, grid: Any, block: Any, numbers: list[Any]) -> None:
        self.launched.append((grid, block, numbers))


def test_an_array_is_seven_numbers_and_each_kind_is_compiled_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    array = ["u64"] * 7
    gpu = Gpu(monkeypatch, declared("u64", *array, *array, "f32"))
    for x in (np.zeros(6000, np.float32), np.ones(3, np.float32)):
        cuda.kernels.activate("relu", 0.0, x, x)
    assert [call[0] for call in gpu.launched] == [(6,), (1,)], "four elements a thread"
    numbers = gpu.launched[0][2]
    assert numbers[:5] == [6000, 0, 0, 6000, 4]
    assert (numbers[6:8], numbers[-1]) == ([6000, 4], 0.0)  # shape, stride; alpha
    assert (gpu.compiled, gpu.loaded) == (1, [b"('activate', (9, 0), 13000)"])
    cuda.kernels.activate("relu", 0.0, *np.zeros((2, 6), np.float32)[:, ::2])
    assert gpu.compiled == 2


def test_a_kernel_with_other_parameters_is_launched_by_numba(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gpu = Gpu(monkeypatch, declared("u64", "u64"))
    with pytest.raises(AttributeError):  # there is no stream for Numba here
        cuda.kernels.activate("relu", 0.0, np.zeros(3), np.zeros(3))
    assert "Numba launches kernel activate, which is slower: it takes 2 numbers" in caplog.text
    assert gpu.launched == []


def test_each_of_unlike_devices_gets_code_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    array = ["u64"] * 7
    gpu = Gpu(monkeypatch, declared("u64", *array, *array, "f32"))
    for gpu.number, gpu.capability in ((0, "90"), (1, "75"), (2, "120"), (1, "75")):
        cuda.kernels.activate("relu", 0.0, *np.zeros((2, 3), np.float32))
    wanted = ["(9, 0)", "(7, 5)", "(12, 0)"]
    assert gpu.loaded == [f"('activate', {cc}, 13000)".encode() for cc in wanted]


def test_windows_and_scalars_are_flattened_in_order() -> None:
    numbers: list[Any] = []
    kinds: list[Any] = []
    flatten((np.float32(2), True, Window((3, 2)), np.uint64(7)), numbers, kinds)
    assert numbers == [2, True, 3, 2, 1, 1, 0, 0, 0, 0, 1, 1, 7]
    assert [size_of(n) for n in numbers] == [4, 1, *[8] * 11]
    assert Window in kinds


def test_ptx_is_cached_by_code_and_closure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiled: list[str] = []

    def compile_it(function: Any, types: Any, cc: Any) -> tuple[str, None]:
        compiled.append(function.__name__)
        return f"{types} {cc}", None

    monkeypatch.setattr(disk_cache, "_cache", disk_cache.DiskCache(tmp_path))
    monkeypatch.setattr(ptx.cuda, "compile_ptx", compile_it)
    single, double = np.dtype("float32"), np.dtype("float64")
    kernels = [
        activation._activate(name, dtype).kernel(4)
        for name in ("relu", "tanh")
        for dtype in (single, double)
    ]
    for kernel in kernels * 2:
        assert ptx.ptx_of(kernel, ("types",), (9, 0)) == "('types',) (9, 0)"
    assert compiled == ["activate"] * 3  # tanh has no constants: its types tell it apart
    kept = list(tmp_path.rglob("*.ptx"))
    assert len(kept) == 3
    kept[0].write_bytes(b"")
    kept[1].write_bytes(kept[1].read_bytes()[:-1])
    for kernel in kernels:
        assert ptx.ptx_of(kernel, ("types",), (9, 0)) == "('types',) (9, 0)"
    assert compiled == ["activate"] * 5


def test_ptx_is_cached_for_each_16_bit_dtype(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(disk_cache, "_cache", disk_cache.DiskCache(tmp_path))
    monkeypatch.setattr(ptx.cuda, "compile_ptx", lambda _, types, cc: (str(types[0][0]), None))
    kernel = activation._activate("linear", np.dtype("float32")).kernel(4)
    arrays = HalfArrayType("float16", 1, "C"), HalfArrayType("bfloat16", 1, "C"), types.float32[::1]
    for array in arrays:
        assert ptx.ptx_of(kernel, (types.Tuple((array, types.int64)),), (9, 0)) == str(array)
