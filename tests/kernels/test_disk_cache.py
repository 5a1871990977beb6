"""Compiled kernels on disk: found again, private, pruned, and no damage that is not made good."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numba import config

import nnaccel_kernels
from nnaccel import _config
from nnaccel_kernels import build, disk_cache
from nnaccel_kernels.cpu.runtime.jit import cfunc, njit
from nnaccel_kernels.cpu.runtime.kernel import Kernel
from nnaccel_kernels.disk_cache import DiskCache

ROOT = Path(__file__).resolve().parents[2]
OURS = "nnaccel_kernels.index"  # a module that functions of these tests pretend to be from
needs_jit = pytest.mark.skipif(config.DISABLE_JIT, reason="nothing is compiled without the JIT")
needs_owners = pytest.mark.skipif(os.name == "nt", reason="Windows has no owners by number")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DiskCache:
    """Give an empty cache, which is the process's meanwhile."""
    fresh = DiskCache(tmp_path / "kernels")
    monkeypatch.setattr(disk_cache, "_cache", fresh)
    return fresh


@pytest.fixture
def double() -> Callable[..., int]:
    """Give a function that counts as one of the package's."""

    def double(x):  # type: ignore[no-untyped-def]
        return 2 * x

    double.__module__ = OURS
    return double


def hits(function: Callable[..., int]) -> int:
    """Compile a function as in a new process, run it, and say how often it was found on disk."""
    compiled = njit(function, cache=True, nogil=True)
    assert compiled(21) == 42
    return sum(compiled.stats.cache_hits.values())


def files(cache: DiskCache) -> list[Path]:
    return [path for path in cache.root.rglob("*") if path.is_file()]


@needs_jit
def test_what_was_compiled_is_found_again(cache: DiskCache, double: Any) -> None:
    assert hits(double) == 0
    (file,) = files(cache)
    assert (file.parent, file.suffix) == (cache.folder, ".nbc")
    before = file.stat().st_mtime_ns
    assert hits(double) == 1
    assert file.stat().st_mtime_ns == before


@needs_jit
def test_a_function_of_other_sources_is_not_kept(cache: DiskCache, double: Any) -> None:
    double.__module__ = __name__
    assert hits(double) == hits(double) == 0
    assert files(cache) == []


@needs_jit
def test_functions_are_told_apart_by_code_types_and_what_they_hold(cache: DiskCache) -> None:
    def times(factor: int) -> Any:
        def function(x):  # type: ignore[no-untyped-def]
            return factor * x

        function.__module__ = OURS
        return njit(function, cache=True)

    assert [times(2)(3), times(5)(3), times(2)(1.5)] == [6, 15, 3.0]
    assert len(files(cache)) == 3
    again = times(5)
    assert again(3) == 15
    assert sum(again.stats.cache_hits.values()) == 1


@needs_jit
def test_c_functions_are_found_again(cache: DiskCache, double: Any) -> None:
    hits(double)  # the same code, called another way
    signature = numba.types.int64(numba.types.int64)
    assert cfunc(double, signature).cache_hits == 0
    again = cfunc(double, signature)
    assert (again.cache_hits, again.ctypes(21)) == (1, 42)


@needs_jit
def test_only_what_had_to_be_compiled_is_reported(
    cache: DiskCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(rank, size, x):  # type: ignore[no-untyped-def]
        x[rank] = 7

    fill.__module__ = OURS
    compiled: list[str] = []
    monkeypatch.setattr(nnaccel_kernels, "on_compiled", compiled.append)
    for _ in range(2):
        x = np.zeros(3, np.int64)
        Kernel(fill)(x)
        assert x.tolist() == [7, 0, 0]
    assert compiled == ["fill"]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "longer": lambda data: data + b"\0",
    "first bit": lambda data: bytes([data[0] ^ 1]) + data[1:],
    "middle bit": lambda data: data[:500] + bytes([data[500] ^ 64]) + data[501:],
    "last bit": lambda data: data[:-1] + bytes([data[-1] ^ 128]),
}


@needs_jit
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_compiled_again(cache: DiskCache, double: Any, damage: Any) -> None:
    hits(double)
    (file,) = files(cache)
    file.write_bytes(damage(file.read_bytes()))
    assert hits(double) == 0
    assert hits(double) == 1


@needs_jit
@pytest.mark.parametrize("content", [b"", b"not a pickle", b"\x80\x04N.", b"\x80\x04]."])
def test_a_file_that_holds_something_else_is_compiled_again(
    cache: DiskCache, double: Any, content: bytes
) -> None:
    hits(double)
    (file,) = files(cache)
    cache.write(file.name, content)
    assert hits(double) == 0
    assert hits(double) == 1


def test_any_flipped_bit_is_noticed(cache: DiskCache) -> None:
    content = bytes(range(256))
    rng = np.random.default_rng(0)
    for place in rng.integers(0, 8 * (len(content) + 32), 200):
        cache.write("a", content)
        file = cache.folder / "a"
        data = bytearray(file.read_bytes())
        data[place // 8] ^= 1 << place % 8
        file.write_bytes(data)
        assert cache.read("a") is None
        assert not file.exists()
    cache.write("a", content)
    assert cache.read("a") == content


def test_the_folder_is_private(cache: DiskCache) -> None:
    cache.write("a", b"1")
    assert cache.folder.parent == cache.root
    if os.name != "nt":
        assert [f.stat().st_mode & 0o777 for f in (cache.root, cache.folder)] == [0o700] * 2
        assert (cache.folder / "a").stat().st_mode & 0o777 == 0o600
    assert cache.problem == ""


def give_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a file somebody else's, as far as this process can tell."""
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534, follow_symlinks=False)
    else:
        other = os.geteuid() + 1
        monkeypatch.setattr(os, "geteuid", lambda: other)


@needs_owners
@pytest.mark.parametrize("inner", [False, True], ids=["root", "build"])
@pytest.mark.parametrize("how", ["group", "everybody", "owner"])
def test_a_folder_that_others_can_write_to_is_refused(
    cache: DiskCache,
    double: Any,
    how: str,
    inner: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache.write("a", b"planted")
    folder = cache.folder if inner else cache.root
    if how == "owner":
        give_away(folder, monkeypatch)
    else:
        folder.chmod(0o720 if how == "group" else 0o702)
    again = DiskCache(cache.root)
    monkeypatch.setattr(disk_cache, "_cache", again)
    assert again.folder is None
    assert again.read("a") is None
    again.write("b", b"lost")
    if not config.DISABLE_JIT:
        assert hits(double) == hits(double) == 0
    assert len(files(cache)) == 1
    (said,) = (record.getMessage() for record in caplog.records)
    assert said == f"compiled kernels are not kept for the next process: {again.problem}"
    assert str(folder) in said
    assert "To fix: " in said
    assert caplog.records[0].levelno == logging.WARNING


@needs_owners
def test_a_link_of_somebody_else_is_refused(
    cache: DiskCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.write("a", b"mine")
    link = tmp_path / "link"
    link.symlink_to(cache.root)
    assert DiskCache(link).read("a") == b"mine"
    give_away(link, monkeypatch)
    assert "belongs to somebody else" in disk_cache.refusal(link)


@needs_owners
def test_a_folder_of_root_is_trusted(cache: DiskCache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.write("a", b"installed by root")
    if cache.root.stat().st_uid:
        monkeypatch.setattr(Path, "lstat", lambda self: os.stat_result([0o40700, *[0] * 9]))
        monkeypatch.setattr(Path, "stat", lambda self: os.stat_result([0o40700, *[0] * 9]))
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    assert disk_cache.refusal(cache.root) == ""


@needs_jit
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EACCES])
def test_where_writing_fails_all_is_compiled_and_one_line_says_so(
    cache: DiskCache,
    double: Any,
    error: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hits(double)
    cache.write("a", b"1")

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "replace", fail)
    next(cache.folder.glob("*.nbc")).unlink()
    assert hits(double) == hits(double) == 0
    cache.write("b", b"2")
    assert [file.name for file in files(cache)] == ["a"]  # nothing half-written is left
    assert cache.read("a") == b"1"
    assert [os.strerror(error) in record.getMessage() for record in caplog.records] == [True]


def test_a_folder_that_cannot_be_made(
    tmp_path: Path, double: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = DiskCache(tmp_path / "file" / "kernels")
    cache.write("a", b"1")
    assert cache.read("a") is None
    assert cache.size() == 0
    assert len(caplog.records) == 1


def test_a_folder_deleted_meanwhile_is_made_again(cache: DiskCache) -> None:
    cache.write("a", b"1")
    (cache.folder / "a").unlink()
    cache.folder.rmdir()
    cache.root.rmdir()
    assert cache.read("a") is None
    cache.write("a", b"2")
    assert cache.read("a") == b"2"
    assert cache.problem == ""


def test_without_a_folder_nothing_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    cache = DiskCache(None)
    cache.write("a", b"1")
    assert cache.read("a") is None
    assert cache.problem
    assert caplog.records == []


def test_old_builds_are_deleted(cache: DiskCache) -> None:
    day = 86400
    now = time.time()
    cache.root.mkdir(0o700)
    builds = [cache.root / f"{number:032x}" for number in range(20)]
    old, mine = cache.root / f"{99:032x}", cache.root / "notes"
    for age, folder in enumerate([*builds, old, mine]):
        folder.mkdir()
        (folder / "kernel").write_text("code")
        days = 31 if folder in (old, mine) else age
        os.utime(folder, (now - days * day, now - days * day))
    assert cache.folder.is_dir()
    assert {f for f in cache.root.iterdir() if f != cache.folder} == {*builds[:15], mine}


def test_what_a_killed_process_left_is_deleted_once_it_is_old(cache: DiskCache) -> None:
    cache.write("a", b"1")
    old, young = cache.folder / ".tmpold", cache.folder / ".tmpyoung"
    for file in (old, young):
        file.write_text("half of a ke")
    a_while_ago = time.time() - 2 * 86400
    os.utime(old, (a_while_ago, a_while_ago))
    os.utime(cache.folder, (a_while_ago, a_while_ago))
    again = DiskCache(cache.root)
    assert again.read("a") == b"1"
    assert not old.exists()
    assert young.exists()
    assert time.time() - cache.folder.stat().st_mtime < 60  # in use


def test_many_write_read_and_prune_at_once(cache: DiskCache) -> None:
    contents = {str(i): bytes([i]) * 10_000 for i in range(4)}

    def work(seed: int) -> Iterator[tuple[str, bytes | None]]:
        mine, rng = DiskCache(cache.root), np.random.default_rng(seed)
        for i, step in enumerate(rng.integers(0, 4, 100)):
            name = str(step)
            mine.write(name, contents[name])
            yield name, mine.read(name)
            if i % 25 == seed:
                os.utime(cache.folder, (0, 0))
                DiskCache(cache.root).read(name)

    with ThreadPoolExecutor(4) as pool:
        for read in pool.map(lambda seed: list(work(seed)), range(4)):
            assert all(content == contents[name] for name, content in read)
    assert cache.problem == ""
    assert {path.name for path in files(cache)} == set(contents)


def sources(folder: Path, **content: str) -> str:
    """Digest of some files, last changed an hour ago."""
    for name, text in content.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
        os.utime(path, (time.time() - 3600,) * 2)
    return build.digest_of(folder, time.time() - 60)


def test_the_digest_is_of_content_and_names(tmp_path: Path) -> None:
    first = sources(tmp_path, a="x = 1", b="y = 2")
    assert first
    assert sources(tmp_path, a="x = 1") == first
    os.utime(tmp_path / "a.py", (0, 0))
    (tmp_path / "notes.txt").write_text("no source")
    assert sources(tmp_path) == first
    assert sources(tmp_path, a="x = 3") != first
    assert sources(tmp_path, a="x = 1") == first
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.py").rename(tmp_path / "sub" / "b.py")
    assert sources(tmp_path) not in ("", first)


def test_sources_edited_after_their_import_have_no_digest(tmp_path: Path) -> None:
    assert sources(tmp_path) == ""  # none there: inside an archive, say
    assert sources(tmp_path, a="x = 1")
    os.utime(tmp_path / "a.py")
    assert sources(tmp_path) == ""


def test_a_build_without_sources_keeps_nothing(
    cache: DiskCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(disk_cache, "build_id", lambda: "")
    cache.write("a", b"1")
    assert cache.read("a") is None
    assert "edited after their import" in caplog.text


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [
        (build, "_SOURCES", "others"),
        (numba, "__version__", "9.9"),
        (np, "__version__", "9.9"),
        (sys, "version", "9.9"),
        (config, "CPU_NAME", "generic"),
        (config, "BOUNDSCHECK", 1),
    ],
)
def test_a_build_is_named_by_all_that_decides_its_code(
    module: Any, name: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = build.build_id.__wrapped__
    before = find()
    assert find() == before == build.build_id()
    monkeypatch.setattr(module, name, value)
    assert find() != before


def test_a_user_without_a_home_has_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("NNACCEL_CACHE", raising=False)
    monkeypatch.setattr(Path, "expanduser", fail)
    assert _config.kernel_dir() is None


PROCESS = """
import sys
from pathlib import Path
import numpy as np
from numba.core.dispatcher import Dispatcher
import gc
import nnaccel_kernels.cpu
from nnaccel_kernels.cpu import peak
from nnaccel_kernels.disk_cache import disk_cache, set_root

jitted = [f for f in gc.get_objects() if isinstance(f, Dispatcher)]
assert len(jitted) > 50
assert not any(f.overloads for f in jitted), "something is compiled at import"
set_root(Path(sys.argv[1]))
assert peak.multiply_adds(np.float32(0), 1) == 0
print(sum(peak.multiply_adds.stats.cache_hits.values()), disk_cache().problem)
"""


@needs_jit
def test_processes_share_a_folder(tmp_path: Path) -> None:
    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(tmp_path)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "kernels"), "PYTHONWARNINGS": "error"},
            stdout=subprocess.PIPE,
            text=True,
        )

    def ends(*processes: subprocess.Popen[str]) -> list[str]:
        said = [process.communicate()[0].strip() for process in processes]
        assert [process.returncode for process in processes] == [0] * len(processes)
        return said

    def beside() -> set[Path]:
        return set((ROOT / "kernels").rglob("*.nb[ic]"))

    before = beside()
    assert set(ends(start(), start())) <= {"0", "1"}
    assert ends(start()) == ["1"]
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    file.write_bytes(b"")
    assert ends(start()) == ["0"]
    assert beside() == before
