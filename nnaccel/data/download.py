"""Fetching files from mirrors: bounded in size and time, verified, never left half done."""

from __future__ import annotations

import hashlib
import io
import logging
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nnaccel.data.errors import DataError, DataNotFoundError
from nnaccel.data.idx import open_maybe_gzip

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

#: No file that is fetched is larger than this, in bytes, compressed or not.
MAX_DOWNLOAD = 64 << 20
_CHUNK = 1 << 14  # small, so that a slow mirror does not outlast the deadline unseen
_log = logging.getLogger(__name__)


def fetch(files: Mapping[str, str], folder: Path, mirrors: Sequence[str], timeout: float) -> None:
    """Bring every file of `files`, name to checksum, into `folder`.

    A checksum is the SHA-256 of a file's decompressed content; with "md5:" in front, the MD5 of
    the file as it lies, for data sets whose authors publish that.

    What is there already is kept if it is whole. Where a mirror fails, the next one goes on with
    what is missing. All of it takes about `timeout` seconds at most, and a mirror that stays
    silent only its share of them.
    """
    deadline = time.monotonic() + timeout
    missing = {name: sum_ for name, sum_ in files.items() if not _is_whole(folder / name, sum_)}
    failures = []
    for mirror in mirrors:
        try:
            for name, checksum in list(missing.items()):
                _log.info("downloading %s from %s", name, mirror)
                patience = min(timeout / len(mirrors), deadline - time.monotonic())
                _fetch_one(mirror + name, folder / name, checksum, deadline, patience)
                del missing[name]
            return
        except (OSError, DataError) as error:
            failures.append(f"{mirror}: {_reason(error, timeout)}")
            _log.info("%s", failures[-1])
    raise DataNotFoundError("; ".join(failures))


def _fetch_one(url: str, path: Path, checksum: str, deadline: float, patience: float) -> None:
    """Download beside `path`, verify, and only then rename."""
    import pooch

    if patience <= 0:
        raise TimeoutError
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with _Bounded(part, MAX_DOWNLOAD, deadline) as file:
            pooch.HTTPDownloader(timeout=patience, chunk_size=_CHUNK)(url, file, None)
        if not _matches(part, checksum):
            raise DataError("the content is not what its checksum says")
        part.replace(path)
    except DataError as error:  # named after where it came from, not after the file beside
        raise DataError(f"served a wrong {path.name}: {error}".replace(str(part), "it")) from None
    finally:
        part.unlink(missing_ok=True)


def _is_whole(path: Path, checksum: str) -> bool:
    """Whether `path` is there and holds what its checksum says."""
    try:
        return _matches(path, checksum)
    except (OSError, DataError):
        return False


def _matches(path: Path, checksum: str) -> bool:
    """Whether a file has a checksum, as `fetch` takes it; DataError for damaged gzip data."""
    content = content_sha256(path, MAX_DOWNLOAD)
    if not checksum.startswith("md5:"):
        return content == checksum
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return f"md5:{digest.hexdigest()}" == checksum


def content_sha256(path: Path, max_bytes: int) -> str:
    """SHA-256 of what `path` holds, decompressed if it is gzip, a chunk in memory at a time."""
    digest, size = hashlib.sha256(), 0
    with open_maybe_gzip(path) as stream:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > max_bytes:
                raise DataError(f"{path} inflates beyond {max_bytes:,} bytes")
            digest.update(chunk)
    return digest.hexdigest()


class _Bounded(io.BufferedWriter):
    """A file that takes a limited number of bytes until a deadline."""

    def __init__(self, path: Path, max_bytes: int, deadline: float) -> None:
        super().__init__(io.FileIO(path, "w"))
        self._left, self._deadline = max_bytes, deadline

    def write(self, chunk: ReadableBuffer) -> int:
        """Write, or raise once there is too much or it is too late."""
        self._left -= memoryview(chunk).nbytes
        if self._left < 0:
            raise DataError("it does not end where it should")
        if time.monotonic() > self._deadline:
            raise TimeoutError
        return super().write(chunk)


def _reason(error: Exception, timeout: float) -> str:
    """Why a mirror failed, in a few words."""
    from requests import ConnectionError, HTTPError, Timeout
    from requests.exceptions import ChunkedEncodingError

    if isinstance(error, HTTPError) and error.response is not None:
        return f"answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, Timeout | TimeoutError):
        return f"was too slow for the timeout of {timeout:g} s"
    if isinstance(error, ConnectionError):
        return "cannot be reached"
    if isinstance(error, ChunkedEncodingError):
        return "broke off"
    return str(error) or type(error).__name__
