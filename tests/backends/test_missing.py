"""One exact error for each way a backend can be missing."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from numba.cuda.cudadrv import libs

from nnaccel import _config
from nnaccel.backends import BackendUnavailableError, _probe, _select, backends, get_backend
from nnaccel_kernels.cuda.runtime import toolkit


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    _select._make.cache_clear()
    yield
    _select._make.cache_clear()


def refused(name: str) -> str:
    """What is said when the backend is asked for, the same as in the table."""
    info = backends()[name]
    assert not info.available
    with pytest.raises(BackendUnavailableError) as caught:
        get_backend(name)
    assert str(caught.value) == (
        f"backend {name!r} cannot run here: {info.reason}. To fix: {info.remedy}"
    )
    assert isinstance(caught.value, RuntimeError)
    return f"{info.reason} | {info.remedy}"


def break_import(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, package: str, statement: str
) -> None:
    """Put a package first on the path that fails while it is imported."""
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text(statement)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [n for n in sys.modules if n.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)


def test_numpy_is_always_there() -> None:
    info = backends()["numpy"]
    assert (info.available, info.reason, info.remedy) == (True, "", "")
    assert info.device
    assert info.version


def test_numba_is_there_and_says_with_how_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_config, "_processors", lambda: 4)
    monkeypatch.setenv("NNACCEL_NUM_THREADS", "1")
    assert backends()["numba"].device.endswith(", 1 thread")
    monkeypatch.setenv("NNACCEL_NUM_THREADS", "4")
    assert backends()["numba"].device.endswith(", 4 threads")


@pytest.mark.parametrize(("driver", "cuda"), [(None, 13), (12080, 12), (13000, 13)])
def test_cupy_not_installed(monkeypatch: pytest.MonkeyPatch, driver: int | None, cuda: int) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(_probe, "_driver_version", lambda: driver)
    assert refused("cupy") == (
        f"not installed | pip install 'cupy-cuda{cuda}x[ctk]' 'numba-cuda[cu{cuda}]' ml-dtypes"
    )


def test_cupy_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    statement = "raise ImportError('libcublas.so.12: no such file\\nand more')"
    break_import(monkeypatch, tmp_path, "cupy", statement)
    said = refused("cupy")
    assert said.startswith("broken install: ImportError: libcublas.so.12: no such file | pip unins")
    assert "pip install 'cupy-cuda" in said


def test_kernels_that_cannot_be_compiled(fake_cupy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nnaccel_kernels.cuda", None)
    said = refused("cupy")
    assert said.startswith("broken install: ModuleNotFoundError")
    assert "brings numba-cuda" in said


def test_no_compiler(fake_cupy: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A device answers, but its first kernel could not be compiled."""
    found = [str(tmp_path / "libnvvm.so")]
    monkeypatch.setattr(libs, "get_cudalib", lambda _: found[0])
    monkeypatch.setattr(libs, "get_libdevice", lambda: None)
    monkeypatch.setattr(sys.modules["nnaccel_kernels.cuda"], "libnvvm", toolkit.libnvvm)
    said = refused("cupy")
    assert said.startswith("no compiler for kernels: libNVVM is not installed | pip install 'cupy-")
    assert said.endswith("brings it; or set CUDA_HOME to a CUDA toolkit")
    Path(found[0]).touch()
    assert "has no libdevice beside it" in refused("cupy")
    monkeypatch.setattr(libs, "get_libdevice", lambda: "libdevice.10.bc")
    assert backends()["cupy"].available

    def search(_: str) -> None:
        raise RuntimeError("nvvm not found\nin 20 places")

    monkeypatch.setattr(libs, "get_cudalib", search)
    assert refused("cupy").startswith("no compiler for kernels: nvvm not found | pip")


def test_the_toolkit_of_nvcc_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/nvcc").write_text("#!/bin/sh\n")
    (tmp_path / "bin/nvcc").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("CUDA_PATH", raising=False)
    monkeypatch.setenv("CUDA_HOME", "")
    _config.find_cuda_toolkit()
    assert os.environ["CUDA_HOME"] == "", "no compiler there: nvcc is a script around another"
    (tmp_path / "nvvm").mkdir()
    _config.find_cuda_toolkit()
    assert os.environ["CUDA_HOME"] == str(tmp_path)
    monkeypatch.setenv("CUDA_HOME", "/elsewhere")
    _config.find_cuda_toolkit()
    assert os.environ["CUDA_HOME"] == "/elsewhere"


def test_no_driver(fake_cupy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_probe, "_driver_version", lambda: None)
    assert refused("cupy").startswith("no driver | install the NVIDIA driver")
    assert backends()["cupy"].version == "0.fake"


@pytest.mark.parametrize(
    ("error", "reason", "remedy"),
    [
        (
            "cudaErrorInsufficientDriver: CUDA driver version is insufficient",
            "driver too old",
            "update the NVIDIA driver",
        ),
        ("cudaErrorNoDevice: no CUDA-capable device", "no device", "CUDA_VISIBLE_DEVICES"),
        ("cudaErrorUnknown: unknown error", "broken: RuntimeError: cudaErrorUnknown", "nvidia-smi"),
    ],
)
def test_the_runtime_says_no(
    fake_cupy: Any, monkeypatch: pytest.MonkeyPatch, error: str, reason: str, remedy: str
) -> None:
    def refuse() -> int:
        raise RuntimeError(error)

    monkeypatch.setattr(fake_cupy.cuda.runtime, "getDeviceCount", refuse)
    said = refused("cupy")
    assert said.startswith(reason)
    assert remedy in said


def test_no_device_among_the_visible(fake_cupy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake_cupy.cuda.runtime, "getDeviceCount", lambda: 0)
    assert refused("cupy").startswith("no device | check nvidia-smi")


def test_a_device_that_answers(fake_cupy: Any) -> None:
    info = backends()["cupy"]
    assert (info.available, info.device, info.version) == (True, "no GPU at all", "0.fake")
    assert (info.reason, info.remedy) == ("", "")


def test_numba_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    assert refused("numba") == "not installed | pip install numba"


def test_numba_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    break_import(monkeypatch, tmp_path, "numba", "raise ImportError('needs NumPy 2.3')")
    said = refused("numba")
    assert said.startswith("broken install: ImportError: needs NumPy 2.3 | pip inst")


def test_errors_without_words_are_named_at_least() -> None:
    assert _probe.brief(SystemError()) == "SystemError: "


def test_the_drivers_version_is_asked_of_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library(_name: str) -> Any:
        raise OSError("cannot open shared object file")

    def library(status: int) -> Any:
        def get_version(place: Any) -> int:
            place._obj.value = 12080
            return status

        return lambda _name: SimpleNamespace(cuDriverGetVersion=get_version)

    monkeypatch.setattr(ctypes, "CDLL", no_library)
    assert _probe._driver_version() is None
    monkeypatch.setattr(ctypes, "CDLL", library(0))
    assert _probe._driver_version() == 12080
    monkeypatch.setattr(ctypes, "CDLL", library(100))
    assert _probe._driver_version() is None
