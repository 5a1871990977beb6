"""Compiled kernels on disk, in a folder of the user's: machine code, PTX, what was the fastest.

Each build of the kernels has a folder of its own there, so that sources which were edited, another
compiler or another processor begin with an empty one. A file is its content behind a checksum. It
is written under another name and then renamed, so any number of processes may share a folder, and a
damaged one counts as absent. Files hold code, so a folder that others can write to is not used.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import shutil
import tempfile
import time
from functools import cached_property
from pathlib import Path

from nnaccel_kernels.build import build_id

_log = logging.getLogger("nnaccel")

_DIGEST = 32  # bytes of a checksum
_BUILD = re.compile(r"[0-9a-f]{32}")
_BUILDS, _DAYS = 16, 30  # most builds that are kept, and how long one is that nobody uses
_HOUR, _DAY = 3600.0, 86400.0


class DiskCache:
    """Files of this build of the kernels, in a private folder.

    Where a folder cannot be trusted, or not be written to, one warning says so, and there is
    nothing to read, or nothing is kept.

    Parameters
    ----------
    root : Path, optional
        Folder for all builds; made when first needed. Nothing is kept without one.

    Attributes
    ----------
    problem : str
        Why nothing is kept; empty while there is no reason.
    """

    def __init__(self, root: Path | None) -> None:
        self.root = root.absolute() if root else None
        self.problem = "" if root else "there is no folder to keep them in"

    @cached_property
    def folder(self) -> Path | None:
        """Folder of this build; None if nothing can be kept."""
        if not self.root:
            return None
        folder = self.root / build_id()
        try:
            if folder == self.root:
                raise OSError("their sources cannot be read, or were edited after their import")
            self.root.parent.mkdir(parents=True, exist_ok=True)
            _make_private(self.root)
            is_new = _make_private(folder)
        except OSError as error:
            self._give_up(error)
            return None
        with contextlib.suppress(OSError):  # not ours to write to, or another process is at it
            if is_new or time.time() - folder.stat().st_mtime > _HOUR:
                _prune(folder)
        return folder

    def read(self, name: str) -> bytes | None:
        """Return what was kept under a name; None if nothing was, or it is damaged."""
        if self.folder is None:
            return None
        try:
            data = (self.folder / name).read_bytes()
        except OSError:
            return None
        content = data[_DIGEST:]
        if hashlib.sha256(content).digest() == data[:_DIGEST]:
            return content
        self.discard(name)
        return None

    def write(self, name: str, content: bytes) -> None:
        """Keep something under a name."""
        if self.folder is None or self.problem:
            return
        try:
            for folder in (self.folder.parent, self.folder):  # another process may have pruned it
                folder.mkdir(mode=0o700, exist_ok=True)
            _replace(self.folder / name, hashlib.sha256(content).digest() + content)
        except OSError as error:
            self._give_up(error)

    def discard(self, name: str) -> None:
        """Delete what was kept under a name and is of no use."""
        _log.info("%s on disk is damaged: it is made again", name)
        if self.folder is not None:
            with contextlib.suppress(OSError):
                (self.folder / name).unlink()

    def size(self) -> int:
        """Bytes of all files of all builds."""
        files = self.root.rglob("*") if self.root else ()
        with contextlib.suppress(OSError):  # another process prunes
            return sum(path.stat().st_size for path in files if path.is_file())
        return 0

    def _give_up(self, error: OSError) -> None:
        """Say once why nothing is kept."""
        if not self.problem:
            self.problem = str(error)
            _log.warning("compiled kernels are not kept for the next process: %s", error)


def refusal(folder: Path) -> str:
    """Say why code in a folder is not to be trusted; nothing if it is."""
    if not hasattr(os, "geteuid"):  # Windows: a profile is its user's
        return ""
    trusted = {0, os.geteuid()}
    if not {folder.lstat().st_uid, folder.stat().st_uid} <= trusted:
        return (
            f"{folder} belongs to somebody else, who could put code there. To fix: remove it, or "
            "set NNACCEL_CACHE to a folder of your own"
        )
    if folder.stat().st_mode & 0o022:
        return (
            f"others can write to {folder}, and put code there. To fix: chmod 700 {folder}, or set "
            "NNACCEL_CACHE to a folder of your own"
        )
    return ""


def _make_private(folder: Path) -> bool:
    """Make a folder that only its owner can enter; False if it was there, and can be trusted."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if why := refusal(folder):
            raise PermissionError(why) from None
        return False
    return True


def _replace(path: Path, data: bytes) -> None:
    """Write beside and rename, so that nobody reads half of it."""
    handle, beside = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with open(handle, "wb") as file:
            file.write(data)
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise


def _prune(folder: Path) -> None:
    """Note that a build is in use; delete others that are not, and what a killed process left."""
    os.utime(folder)
    now = time.time()
    builds = [f for f in folder.parent.iterdir() if _BUILD.fullmatch(f.name) and f != folder]
    age = {build: now - build.stat().st_mtime for build in builds}
    for number, build in enumerate(sorted(age, key=age.__getitem__), start=1):
        if number >= _BUILDS or age[build] > _DAYS * _DAY:
            shutil.rmtree(build, ignore_errors=True)
    for left in folder.glob(".*"):
        if now - left.stat().st_mtime > _DAY:
            left.unlink()


_cache = DiskCache(None)


def disk_cache() -> DiskCache:
    """The process's cache."""
    return _cache


def set_root(root: Path | None) -> None:
    """Keep compiled kernels in a folder from now on, or nowhere."""
    global _cache
    if root is None or root.absolute() != _cache.root:
        _cache = DiskCache(root)
