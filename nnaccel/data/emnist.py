"""EMNIST: handwritten digits and letters, from files on this machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nnaccel import _config
from nnaccel._validate import unknown_name
from nnaccel.data.errors import DataError, DataNotFoundError
from nnaccel.data.idx import read_idx
from nnaccel.data.idx_images import Pair, spelling

_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#: Classes of each split; where 47, small letters that look like their capitals are these.
EMNIST_CLASSES = {
    "balanced": f"0123456789{_UPPER}abdefghnqrt",
    "bymerge": f"0123456789{_UPPER}abdefghnqrt",
    "byclass": f"0123456789{_UPPER}{_UPPER.lower()}",
    "digits": "0123456789",
    "letters": _UPPER,
    "mnist": "0123456789",
}
_PARTS = "train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1"
_MOST = 1 << 30  # bytes of images; by class they are 547 MB


def emnist(split: str = "balanced", path: str | Path | None = None) -> tuple[Pair, Pair]:
    """Load a split of EMNIST: up to 814,255 digits and letters of 28 by 28 pixels.

    The files, such as ``emnist-letters-train-images-idx3-ubyte``, gzipped or not, are looked for in
    a folder ``emnist`` or ``emnist/gzip`` in ``NNACCEL_DATA`` and in the user's cache. They are not
    downloaded: they come in one archive of half a gigabyte. In the files images lie on their side;
    here they stand upright.

    Parameters
    ----------
    split : {'balanced', 'bymerge', 'byclass', 'digits', 'letters', 'mnist'}
        Which classes, and how many images of each.
    path : str or Path, optional
        A folder with the files. Only this place is looked in then.

    Returns
    -------
    (x, y), (x_test, y_test)
        uint8 images (N, 28, 28), 0 the paper and 255 the ink, and int64 labels from 0 on; those of
        'letters' too, which are from 1 on in the files.

    Raises
    ------
    DataNotFoundError
        The files are nowhere.
    DataError
        They are damaged, or not what they should be.

    References
    ----------
    G. Cohen, S. Afshar, J. Tapson, A. van Schaik, "EMNIST: an extension of MNIST to handwritten
    letters", 2017.

    Examples
    --------
    >>> from nnaccel.data import emnist
    >>> (x, y), (x_test, y_test) = emnist("letters")  # doctest: +SKIP
    """
    if split not in EMNIST_CLASSES:
        raise ValueError(unknown_name("split", split, list(EMNIST_CLASSES)))
    files = _locate(split, path)
    arrays = [
        read_idx(file, ndim=ndim, max_bytes=_MOST)
        for file, ndim in zip(files, (3, 1, 3, 1), strict=True)
    ]
    return _checked(split, files[:2], *arrays[:2]), _checked(split, files[2:], *arrays[2:])


def _locate(split: str, path: str | Path | None) -> list[Path]:
    """Return the four files of a split."""
    names = [f"emnist-{split}-{part}-ubyte" for part in _PARTS]
    roots = [root / "emnist" for root in (_config.data_dir(), _config.cache_dir()) if root]
    if path is not None:
        roots = [Path(path).expanduser()]
    for folder in [place for root in roots for place in (root, root / "gzip")]:
        found = [spelling(folder, name) for name in names]
        if all(found):
            return [file for file in found if file]
    raise DataNotFoundError(
        f"EMNIST's split {split!r} was not found in {' or '.join(map(str, roots))}: wanted are "
        f"{', '.join(names)}, gzipped or not. To fix: download the archive in the binary format "
        "from https://www.nist.gov/itl/products-and-services/emnist-dataset and unpack it there"
    )


def _checked(
    split: str, files: list[Path], x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return upright images and labels from 0 on."""
    labels, classes = y.astype(np.int64) - (split == "letters"), len(EMNIST_CLASSES[split])
    if x.shape[1:] != (28, 28) or not len(x) or labels.shape != x.shape[:1]:
        raise DataError(
            f"{files[0]} is {x.shape} and {files[1]} is {y.shape}; (N, 28, 28) and (N,) were "
            "expected"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise DataError(f"{files[1]} runs from {y.min()} to {y.max()}, but has {classes} classes")
    return np.ascontiguousarray(x.transpose(0, 2, 1)), labels
