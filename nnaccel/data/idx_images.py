"""Data sets of 28 by 28 pixels in MNIST's four files: found on this machine, else downloaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnaccel import _config
from nnaccel.data.errors import DataError, DataNotFoundError
from nnaccel.data.files import SPLIT_KEYS
from nnaccel.data.idx import read_idx
from nnaccel.data.npz import read_npz

Pair = tuple[NDArray[np.uint8], NDArray[np.int64]]


class IdxImages(NamedTuple):
    """One of the data sets.

    Attributes
    ----------
    title, folder : str
        What it is called in messages, and on disk.
    mirrors : sequence of str
        Asked in this order.
    checksums : mapping of str to str
        Of the four files, in the order of images and labels, training and test; as for `fetch`.
    is_default : bool
        Whether files that lie in no folder of the data set's name are taken for it.
    advice : str
        What else to do without it.
    """

    title: str
    folder: str
    mirrors: Sequence[str]
    checksums: Mapping[str, str]
    is_default: bool = False
    advice: str = ""

    @property
    def wanted(self) -> str:
        """The files, in words."""
        return f"wanted are {', '.join(self.checksums)}, gzipped or not, or {self.folder}.npz"

    def load(self, path: str | Path | None, download: bool, timeout: float) -> tuple[Pair, Pair]:
        """Return training and test images with their labels."""
        if path is not None:
            try:
                return _read(self._locate(Path(path).expanduser(), directly=True))
            except DataNotFoundError as error:
                raise DataNotFoundError(f"{error}; {self.wanted}") from None
        tried = []
        data_dir, cache_dir = _config.data_dir(), _config.cache_dir()
        if data_dir is not None:
            try:
                return _read(self._locate(data_dir, self.is_default))
            except DataNotFoundError as error:
                tried.append(str(error))
        try:
            return _read(self._locate(cache_dir, self.is_default))
        except DataError as error:  # what is damaged in the cache, a download mends
            if not download and not isinstance(error, DataNotFoundError):
                raise
            tried.append(str(error))
        if download:
            try:
                return _read(self._download(cache_dir / self.folder, timeout))
            except DataNotFoundError as error:
                tried.append(str(error))
        else:
            tried.append("downloading was not allowed")
        below = "" if self.is_default else f" in a folder {self.folder}"
        raise DataNotFoundError(
            f"{self.title} was not found. {'. '.join(tried)}. Put its files into "
            f"{cache_dir / self.folder}, or set NNACCEL_DATA to the folder that holds them{below}: "
            f"{self.wanted}.{self.advice}"
        )

    def _locate(self, root: Path, directly: bool) -> list[Path]:
        """Return the four files, or one .npz file, in the folder in `root`, or directly in it."""
        if root.is_file():
            return [root]
        folders = [root / self.folder, *[root] * directly]
        for folder in folders:
            files = [spelling(folder, name) for name in self.checksums]
            if all(files):
                return [file for file in files if file]
            if (folder / f"{self.folder}.npz").is_file():
                return [folder / f"{self.folder}.npz"]
        raise DataNotFoundError(f"{root}: {self._absence(root, folders)}")

    def _absence(self, root: Path, folders: list[Path]) -> str:
        """Say what a folder without the data set lacks."""
        if not root.is_dir():
            return "no such folder"
        lacks = min(
            ([n for n in self.checksums if not spelling(folder, n)] for folder in folders), key=len
        )
        is_empty = len(lacks) == len(self.checksums)
        return f"no {self.title} files" if is_empty else f"lacks {', '.join(lacks)}"

    def _download(self, folder: Path, timeout: float) -> list[Path]:
        """Fetch the four files into `folder`."""
        from nnaccel.data.download import fetch  # here, since few imports of nnaccel need it

        names = {f"{name}.gz": checksum for name, checksum in self.checksums.items()}
        fetch(names, folder, self.mirrors, timeout)
        return [folder / name for name in names]


def spelling(folder: Path, name: str) -> Path | None:
    """Return the file `name` as it is spelt in `folder`; plain before gzipped."""
    spellings = [name, name.replace("-idx", ".idx")]
    paths = [folder / (spelling + suffix) for suffix in ("", ".gz") for spelling in spellings]
    return next((path for path in paths if path.is_file()), None)


def _read(files: list[Path]) -> tuple[Pair, Pair]:
    """Read and check what `_locate` found."""
    if len(files) == 1:
        x, y, x_test, y_test = read_npz(files[0], SPLIT_KEYS)
        names = [f"{files[0]}: {key}" for key in SPLIT_KEYS]
    else:
        x, y, x_test, y_test = (read_idx(f, ndim=n) for f, n in zip(files, (3, 1) * 2, strict=True))
        names = [str(file) for file in files]
    return _checked(x, y, *names[:2]), _checked(x_test, y_test, *names[2:])


def _checked(x: NDArray[Any], y: NDArray[Any], x_name: str, y_name: str) -> Pair:
    """Images of 28 by 28 bytes with as many labels 0 … 9."""
    if x.dtype != np.uint8 or x.shape[1:] != (28, 28) or not len(x):
        raise DataError(f"{x_name} is {x.dtype} {x.shape}; uint8 (N, 28, 28) was expected")
    if y.dtype.kind not in "iu" or y.shape != x.shape[:1]:
        raise DataError(f"{y_name} is {y.dtype} {y.shape}: not a label for each of the images")
    if y.min() < 0 or y.max() > 9:
        wrong = y[(y < 0) | (y > 9)][0]
        raise DataError(f"{y_name} holds the label {wrong}; 0 to 9 were expected")
    return np.ascontiguousarray(x), y.astype(np.int64)
