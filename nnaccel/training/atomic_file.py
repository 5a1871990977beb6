"""Atomic replacement of files: written under a temporary name, then renamed."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

_PREFIX = ".nnaccel-"


def write_atomically(path: str | Path, data: bytes) -> None:
    """Write a file, or replace it, atomically.

    Symbolic links are followed. An existing file keeps its mode and owner. Temporary files of
    killed processes are removed from the folder.

    Parameters
    ----------
    path : str or Path
        Its folder must exist.
    data : bytes

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    OSError
        If `path` exists and is no regular file, or writing fails; the file is then as it was.
    """
    path = Path(path)
    require_writable(path)
    real = Path(os.path.realpath(path))
    _remove_left_behind(real.parent)
    handle, name = tempfile.mkstemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=real.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _keep_permissions(real, name)
        os.replace(name, real)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        why = error.strerror or str(error)
        raise OSError(error.errno, f"cannot save to {path}: {why}") from error
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def require_writable(path: str | Path) -> None:
    """Raise an error unless a file can be written to `path`, before any work is done.

    Raises
    ------
    FileNotFoundError
        If its folder does not exist.
    OSError
        If the folder cannot be written to, or `path` exists and is no regular file.
    """
    path = Path(path)
    real = Path(os.path.realpath(path))
    if not real.parent.is_dir():
        raise FileNotFoundError(f"cannot save to {path}: there is no folder {real.parent}")
    if real.exists() and not real.is_file():
        raise OSError(f"cannot save to {path}: it exists and is no regular file")
    if not os.access(real.parent, os.W_OK):
        raise PermissionError(f"cannot save to {path}: the folder {real.parent} is read-only")


def _keep_permissions(path: Path, temporary: str) -> None:
    """Give a temporary file the mode and owner of `path`, or those of a new file."""
    if path.exists():
        found = path.stat()
        os.chmod(temporary, stat.S_IMODE(found.st_mode))
        if hasattr(os, "chown"):
            with contextlib.suppress(PermissionError):
                os.chown(temporary, found.st_uid, found.st_gid)
    else:
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)


def _remove_left_behind(folder: Path) -> None:
    """Remove temporary files of processes that no longer run."""
    for found in folder.glob(f"{_PREFIX}*-*"):
        number = found.name.removeprefix(_PREFIX).partition("-")[0]
        if number.isdecimal() and not _is_running(int(number)):
            with contextlib.suppress(OSError):
                found.unlink()


def _is_running(process: int) -> bool:
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
