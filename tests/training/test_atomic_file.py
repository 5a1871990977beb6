"""Files are replaced whole, and nothing is replaced that should not be."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from nnaccel.training import atomic_file
from nnaccel.training.atomic_file import write_atomically

posix = pytest.mark.skipif(os.name != "posix", reason="modes and links as on POSIX systems")


@posix
def test_links_are_followed_and_the_mode_is_kept(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_bytes(b"old")
    real.chmod(0o600)
    link.symlink_to(real)
    write_atomically(link, b"new")
    assert (link.is_symlink(), real.read_bytes()) == (True, b"new")
    assert stat.S_IMODE(real.stat().st_mode) == 0o600


@posix
def test_a_new_file_has_the_mode_of_any_new_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "ours", b"")
    (tmp_path / "theirs").touch()
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "theirs").stat().st_mode


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, Path(os.devnull)):
        with pytest.raises(OSError, match="no regular file"):
            write_atomically(path, b"")
    assert not Path(os.devnull).is_file()
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        write_atomically(tmp_path / "missing" / "file", b"")


def test_the_longest_name_works(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    write_atomically(path, b"whole")
    assert path.read_bytes() == b"whole"


@posix
def test_leftovers_of_dead_processes_are_removed(tmp_path: Path) -> None:
    dead = tmp_path / ".nnaccel-999999999-abc"
    alive = tmp_path / f".nnaccel-{os.getppid()}-abc"
    for path in (dead, alive):
        path.touch()
    write_atomically(tmp_path / "file", b"")
    assert (dead.exists(), alive.exists()) == (False, True)


def test_a_full_disk_leaves_the_old_file_and_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic_file.os, "fsync", full)
    with pytest.raises(OSError, match=f"cannot save to {path}: No space left") as caught:
        write_atomically(path, b"new")
    assert caught.value.errno == errno.ENOSPC
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"old", ["file"])
