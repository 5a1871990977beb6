"""Arrays from an .npz file: no pickle, and sizes checked before anything is allocated."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from nnaccel.data.errors import MAX_BYTES, DataError, existing_file

# What NumPy writes; the other methods of zip cannot be decompressed in bounded steps.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_KINDS = "buifU"  # bool, integers, floats, text

#: Bytes that an input and a label take at least, and the longest header that NumPy reads unasked.
_INPUT, _LABEL, _MAX_HEADER = 4, 8, 10_000


def read_npz(
    path: str | Path, *layouts: tuple[str, ...], max_bytes: int = MAX_BYTES
) -> tuple[NDArray[Any], ...]:
    """Return the arrays of the first of `layouts` that the file has all keys of, in its order.

    Inputs, whose keys begin with x, become float32 unless they are bytes, and labels, whose keys
    begin with y, become int64; `max_bytes` bounds what they take then, not as they are stored.
    """
    path = existing_file(path)
    arrays = []
    left = max_bytes
    try:
        with zipfile.ZipFile(path) as archive:
            for key in _choose(archive, layouts, path):
                array, size = _read_member(archive, key, path, left)
                arrays.append(array)
                left -= size
    except DataError:
        raise
    except Exception as error:  # zipfile and NumPy's parser have a dozen ways to fail on nonsense
        raise DataError(f"{path} cannot be read as an .npz file: {error}") from None
    return tuple(arrays)


def _choose(
    archive: zipfile.ZipFile, layouts: tuple[tuple[str, ...], ...], path: Path
) -> tuple[str, ...]:
    """First layout whose keys are all there."""
    there = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    for layout in layouts:
        if set(layout) <= set(there):
            return layout
    wanted = ", or ".join(", ".join(layout) for layout in layouts)
    found = ", ".join(there[:10]) or "no arrays"
    raise DataError(f"{path} needs the arrays {wanted}; it holds {found}")


def _read_member(
    archive: zipfile.ZipFile, key: str, path: Path, max_bytes: int
) -> tuple[NDArray[Any], int]:
    """One array, once its header and its size in the archive agree and fit the bound; and that."""
    info = archive.getinfo(f"{key}.npy")
    name = f"{path}: array {key!r}"
    if info.compress_type not in _METHODS:
        raise DataError(f"{name} is compressed in a way that NumPy does not write")
    try:
        with archive.open(info) as member:
            least = _LABEL if key.startswith("y") else _INPUT
            size = _check_header(member, info.file_size, name, least, max_bytes)
        with archive.open(info) as member:
            return npy.read_array(member, allow_pickle=False), size
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{name} is damaged: {error}") from None


def _check_header(member: IO[bytes], file_size: int, name: str, least: int, max_bytes: int) -> int:
    """Refuse types that are not plain, and sizes that are over the bound or not true.

    Return how many bytes the array will take, once its numbers are as wide as they are used.
    """
    version = npy.read_magic(member)
    if version not in ((1, 0), (2, 0)):
        raise DataError(f"{name} has format version {version}; 1.0 and 2.0 can be read")
    width = 2 if version == (1, 0) else 4
    head = member.read(width)
    length = int.from_bytes(head, "little")
    if length > _MAX_HEADER:
        raise DataError(f"{name} has a header of {length:,} bytes: it is damaged")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(io.BytesIO(head + member.read(length)))
    if dtype.kind not in _KINDS:
        what = "Python objects" if dtype.hasobject else f"dtype {dtype}"
        raise DataError(f"{name} holds {what}; save a plain array of numbers")
    count = math.prod(shape)
    is_image = dtype == np.uint8 and least < _LABEL and len(shape) > 2
    size = count * max(dtype.itemsize, 1 if is_image else least)
    if size > max_bytes:
        raise DataError(
            f"{name} announces {size:,} bytes: more than {max_bytes:,}, what the bound leaves"
        )
    if any(n < 0 for n in shape) or member.tell() + count * dtype.itemsize != file_size:
        raise DataError(f"{name} announces shape {shape}, which is not what it holds")
    return size
