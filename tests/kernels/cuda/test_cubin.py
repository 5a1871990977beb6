"""What a driver loads: cubins by a stand-in for nvJitLink, and by the real one where it is."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from nnaccel_kernels import disk_cache
from nnaccel_kernels.cuda.runtime import cubin, toolkit

PTX = """// Cuda compilation tools, release 13.5, V13.5.37
.version 9.5
.target sm_75
.address_size 64
.visible .entry none() { ret; }
"""


class JitLink(ModuleType):
    """A stand-in for `cuda.bindings.nvjitlink`."""

    InputType = SimpleNamespace(PTX=3)

    def __init__(self) -> None:
        super().__init__("cuda.bindings.nvjitlink")
        self.options, self.open, self.linked = list[list[str]](), 0, list[bytes]()

    def create(self, count: int, options: list[str]) -> int:
        assert count == len(options)
        self.options.append(options)
        self.open += 1
        return 7

    def add_data(self, handle: int, kind: int, data: bytes, size: int, name: str) -> None:
        assert (handle, kind, size) == (7, 3, len(data))
        self.linked.append(data)

    def complete(self, handle: int) -> None:
        if b"wrong" in self.linked[-1]:
            raise RuntimeError("ERROR_PTX_COMPILE")

    def get_linked_cubin_size(self, handle: int) -> int:
        return 5

    def get_linked_cubin(self, handle: int, cubin: bytearray) -> None:
        cubin[:] = b"\x7fELF%d" % len(self.linked)

    def destroy(self, handle: int) -> None:
        self.open -= 1


@pytest.fixture
def linker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> JitLink:
    stand_in = JitLink()
    bindings = ModuleType("cuda.bindings")
    bindings.nvjitlink = stand_in  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cuda.bindings", bindings)
    monkeypatch.setitem(sys.modules, "cuda.bindings.nvjitlink", stand_in)
    monkeypatch.setattr(disk_cache, "_cache", disk_cache.DiskCache(tmp_path))
    return stand_in


def test_ptx_newer_than_the_driver_is_linked_and_kept(linker: JitLink, tmp_path: Path) -> None:
    assert cubin.machine_code("adam", PTX, (9, 0), 13000) == b"\x7fELF1"
    assert (linker.options, linker.linked) == ([["-arch=sm_90"]], [PTX.encode()])
    assert cubin.machine_code("adam", PTX, (9, 0), 13000) == b"\x7fELF1", "from disk"
    cubin.machine_code("adam", PTX, (7, 5), 13000)
    cubin.machine_code("adam", PTX.replace("13.5.37", "13.6.1"), (9, 0), 13000)
    assert len(linker.linked) == 3, "each architecture and toolkit has its own"
    assert len(list(tmp_path.rglob("adam-*.cubin"))) == 3
    assert linker.open == 0


def test_without_a_cubin_the_driver_gets_ptx_that_it_takes(
    linker: JitLink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = PTX + "// wrong"
    assert cubin.machine_code("adam", wrong, (9, 0), 13000) == wrong.replace("9.5", "9.0").encode()
    assert linker.open == 0
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    monkeypatch.delitem(sys.modules, "cuda.bindings.nvjitlink")
    code = cubin.machine_code("adam", PTX, (9, 0), 12060)
    assert code == PTX.replace("9.5", "8.5").encode()
    assert not list(tmp_path.rglob("*.cubin")), "what the driver compiles is not kept"


@pytest.mark.parametrize(
    ("driver", "version"),
    [(12000, (8, 0)), (12050, (8, 5)), (12060, (8, 5)), (12080, (8, 7)), (13000, (9, 0))],
)
def test_versions_of_ptx_and_of_drivers(driver: int, version: tuple[int, int]) -> None:
    assert cubin.ptx_version(driver) == version


def test_ptx_older_than_the_driver_stays_as_it_is() -> None:
    assert cubin.for_driver(PTX, 13050) == cubin.for_driver(PTX, 14000) == PTX


def test_the_toolchain_is_named_by_the_compilers_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    compiler, names = tmp_path / "libnvvm.so.4", []
    monkeypatch.setattr(toolkit, "libnvvm", lambda: compiler)
    for content in (b"13.0", b"13.5.0"):
        compiler.write_bytes(content)
        toolkit.toolchain.cache_clear()
        names.append(toolkit.toolchain())
    link = tmp_path / "toolkit"
    link.symlink_to(compiler)
    monkeypatch.setattr(toolkit, "libnvvm", lambda: link)
    toolkit.toolchain.cache_clear()
    assert toolkit.toolchain() == names[1], "wherever a toolkit is laid out anew"
    toolkit.toolchain.cache_clear()
    assert len(set(names)) == 2


def test_nvjitlink_links_for_every_architecture() -> None:
    """The real one, which needs no driver."""
    _require_nvjitlink()
    for cc in ((7, 5), (8, 0), (9, 0)):
        assert cubin.link(PTX.replace("9.5", "8.0"), cc)[:4] == b"\x7fELF"


def test_nvjitlink_refuses_what_is_no_ptx() -> None:
    _require_nvjitlink()
    with pytest.raises(Exception, match="ERROR_PTX_COMPILE"):
        cubin.link(PTX.replace("ret;", "retreat;"), (8, 0))


def _require_nvjitlink() -> Any:
    try:
        importlib.import_module("cuda.bindings.nvjitlink").version()
    except Exception as error:
        pytest.skip(f"needs cuda-bindings and nvidia-nvjitlink: {error}")
