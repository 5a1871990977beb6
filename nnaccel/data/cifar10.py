"""CIFAR-10: small photographs in colour, from files on this machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nnaccel import _config
from nnaccel.data.errors import DataError, DataNotFoundError
from nnaccel.data.idx_images import Pair

_TRAINING = [f"data_batch_{number}.bin" for number in range(1, 6)]
_TEST = "test_batch.bin"
_PIXELS = 3 * 32 * 32
_FOLDERS = "cifar10", "cifar-10-batches-bin"


def cifar10(path: str | Path | None = None) -> tuple[Pair, Pair]:
    """Load CIFAR-10: 60,000 photographs of 32 by 32 pixels in colour, in ten classes.

    The files of its binary version, ``data_batch_1.bin`` … ``test_batch.bin``, are looked for in a
    folder ``cifar10`` or ``cifar-10-batches-bin`` in ``NNACCEL_DATA`` and in the user's cache. They
    are not downloaded.

    Parameters
    ----------
    path : str or Path, optional
        A folder with the files. Only this place is looked in then.

    Returns
    -------
    (x, y) : ndarray of uint8, shape (50000, 3, 32, 32), and ndarray of int64, shape (50000,)
        Training images, red, green and blue, and labels 0 … 9: airplane, automobile, bird, cat,
        deer, dog, frog, horse, ship, truck.
    (x_test, y_test) : ndarray of uint8, shape (10000, 3, 32, 32), and ndarray, shape (10000,)
        Test images and labels.

    Raises
    ------
    DataNotFoundError
        The files are nowhere.
    DataError
        They are damaged.

    References
    ----------
    A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.

    Examples
    --------
    >>> from nnaccel.data import cifar10
    >>> (x, y), (x_test, y_test) = cifar10()  # doctest: +SKIP
    """
    folder = _locate(path)
    parts = [_read(folder / name) for name in _TRAINING]
    images, labels = zip(*parts, strict=True)
    return (np.concatenate(images), np.concatenate(labels)), _read(folder / _TEST)


def _locate(path: str | Path | None) -> Path:
    """Return the folder that holds the files."""
    places = [
        root / folder
        for root in (_config.data_dir(), _config.cache_dir())
        if root
        for folder in _FOLDERS
    ]
    if path is not None:
        places = [Path(path).expanduser()]
    for folder in places:
        if all((folder / name).is_file() for name in (*_TRAINING, _TEST)):
            return folder
    raise DataNotFoundError(
        f"CIFAR-10 was not found in {' or '.join(map(str, places))}: wanted are "
        f"{', '.join(_TRAINING)} and {_TEST}. To fix: unpack the binary version there, from "
        "https://www.cs.toronto.edu/~kriz/cifar.html"
    )


def _read(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a file: for each image a byte for the label, then its pixels, channel by channel."""
    data = np.fromfile(file, np.uint8)
    if not data.size or data.size % (1 + _PIXELS):
        raise DataError(f"{file} has {data.size:,} bytes, no multiple of {1 + _PIXELS:,}")
    rows = data.reshape(-1, 1 + _PIXELS)
    labels = rows[:, 0].astype(np.int64)
    if labels.max() > 9:
        raise DataError(f"{file} holds the label {labels.max()}; 0 to 9 were expected")
    return np.ascontiguousarray(rows[:, 1:]).reshape(-1, 3, 32, 32), labels
