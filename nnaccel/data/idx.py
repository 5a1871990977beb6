"""The IDX format of MNIST: a big-endian header, then unsigned bytes; gzipped or not."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from nnaccel.data.errors import MAX_BYTES, DataError, existing_file

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_RATIO = 1032  # deflate cannot do better: 258 bytes from 2 bits
_CHUNK = 1 << 18
_UINT8 = 0x08
_DTYPES = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}


def read_idx(
    path: str | Path, *, ndim: int | None = None, max_bytes: int = MAX_BYTES
) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, gzipped or not.

    Whether the file is gzipped is told from its first two bytes, not from its name. The size that
    the header announces is held against `max_bytes`, and against what the file can hold at all,
    before anything is allocated; then exactly that many bytes are decompressed into the result.

    Parameters
    ----------
    path : str or Path
        The file.
    ndim : int, optional
        Number of dimensions wanted: 3 for images, 1 for labels. Any number if None.
    max_bytes : int
        Largest array that is accepted, in bytes.

    Returns
    -------
    ndarray of uint8
        C-contiguous, of the shape that the header announces.

    Raises
    ------
    DataNotFoundError
        There is no such file.
    DataError
        The file is not IDX, is not of unsigned bytes, is truncated or damaged, goes on after its
        announced end, or announces more than `max_bytes`.

    References
    ----------
    Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", 1998.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from nnaccel.data import read_idx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "labels-idx1-ubyte")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     read_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    path = existing_file(path)
    with open_maybe_gzip(path) as stream:
        shape = _read_shape(stream, path)
        if ndim is not None and len(shape) != ndim:
            raise DataError(f"{path} has {len(shape)} dimensions, {shape}; {ndim} were expected")
        _check_size(path, shape, max_bytes)
        array = np.empty(shape, np.uint8)
        _fill(stream, array.reshape(-1).data, path)
        if stream.read(1):
            raise DataError(f"{path} goes on after the {array.size:,} bytes that it announces")
    return array


@contextmanager
def open_maybe_gzip(path: Path) -> Iterator[IO[bytes]]:
    """Open `path` for reading, decompressed if it is gzip; damage is raised as a DataError."""
    with open(path, "rb") as raw:
        if _is_gzip(path):
            try:
                with gzip.GzipFile(fileobj=raw) as stream:
                    yield stream  # type: ignore[misc]  # a GzipFile is not typed as IO[bytes]
            except EOFError:
                raise DataError(f"{path} is truncated: its gzip stream has no end") from None
            except (gzip.BadGzipFile, zlib.error) as error:
                raise DataError(f"{path} is damaged gzip data: {error}") from None
        else:
            yield raw


def _is_gzip(path: Path) -> bool:
    """Whether the file starts with gzip's two magic bytes."""
    with open(path, "rb") as raw:
        return raw.read(2) == _GZIP_MAGIC


def _read_shape(stream: IO[bytes], path: Path) -> tuple[int, ...]:
    """Header of an IDX file: two zero bytes, type, number of dimensions, 32-bit lengths."""
    magic = stream.read(4)
    if not magic:
        raise DataError(f"{path} is empty")
    if len(magic) < 4:
        raise DataError(f"{path} is truncated: it ends inside the IDX header")
    if magic[:2] != b"\0\0":
        kind = "neither gzip nor IDX" if path.suffix == ".gz" else "not IDX"
        raise DataError(
            f"{path} is {kind}: it starts with {magic.hex(' ')}, where an IDX file starts with "
            "00 00, a type and a number of dimensions"
        )
    dtype, ndim = magic[2:]
    if dtype != _UINT8:
        what = _DTYPES.get(dtype, "an unknown type")
        raise DataError(f"{path} holds {what} (code 0x{dtype:02x}); only uint8 (0x08) can be read")
    if not 1 <= ndim <= 32:
        raise DataError(f"{path} announces {ndim} dimensions; 1 to 32 can be read")
    lengths = stream.read(4 * ndim)
    if len(lengths) < 4 * ndim:
        raise DataError(f"{path} is truncated: it ends inside the IDX header")
    return tuple(int.from_bytes(lengths[i : i + 4], "big") for i in range(0, 4 * ndim, 4))


def _check_size(path: Path, shape: tuple[int, ...], max_bytes: int) -> None:
    """Refuse an announced shape that is over the bound or that the file cannot hold."""
    # A length of 0 must not hide the others: NumPy refuses their product even then.
    if math.prod(max(n, 1) for n in shape) > max_bytes:
        raise DataError(f"{path} announces shape {shape}: more than the bound {max_bytes:,} bytes")
    announced, held = math.prod(shape), path.stat().st_size
    capacity = held * _GZIP_RATIO if _is_gzip(path) else held - 4 - 4 * len(shape)
    if announced > capacity:
        raise DataError(
            f"{path} is truncated or its header is wrong: it announces {announced:,} bytes of "
            f"data, which its {held:,} bytes cannot hold"
        )


def _fill(stream: IO[bytes], out: memoryview, path: Path) -> None:
    """Read exactly `len(out)` bytes, a chunk at a time, so that nothing is held twice."""
    done = 0
    while done < len(out):
        chunk = stream.read(min(_CHUNK, len(out) - done))
        if not chunk:
            raise DataError(
                f"{path} is truncated: it announces {len(out):,} bytes of data and holds {done:,}"
            )
        out[done : done + len(chunk)] = chunk
        done += len(chunk)
