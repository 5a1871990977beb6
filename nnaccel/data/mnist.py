"""MNIST: looked for on this machine, else downloaded once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnaccel import _config
from nnaccel.data.errors import DataError, DataNotFoundError
from nnaccel.data.files import SPLIT_KEYS
from nnaccel.data.idx import read_idx
from nnaccel.data.npz import read_npz

#: Asked in this order.
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

#: The four files and the SHA-256 of what they hold: gzip wrappers of the same data differ.
CHECKSUMS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

_WANTED = f"wanted are {', '.join(CHECKSUMS)}, gzipped or not, or mnist.npz"

_Pair = tuple[NDArray[np.uint8], NDArray[np.int64]]


def mnist(
    path: str | Path | None = None, *, download: bool = True, timeout: float = 60.0
) -> tuple[_Pair, _Pair]:
    """Load MNIST: 70,000 handwritten digits of 28 by 28 pixels.

    The four IDX files, gzipped or not, or an ``mnist.npz`` with ``x_train, y_train, x_test,
    y_test``, are looked for in the folder ``NNACCEL_DATA`` and in the user's cache, each time in
    ``mnist/`` below it and directly in it. Failing that they are downloaded into the cache,
    verified by their checksums.

    Parameters
    ----------
    path : str or Path, optional
        A folder or an ``.npz`` file. Only this place is looked in then, and other data of the
        same shape, such as Fashion-MNIST, is welcome.
    download : bool
        Whether to download what is not on this machine.
    timeout : float
        Seconds that the download may take in all.

    Returns
    -------
    (x, y) : ndarray of uint8, shape (60000, 28, 28), and ndarray of int64, shape (60000,)
        Training images, 0 the paper and 255 the ink, and labels 0 … 9.
    (x_test, y_test) : ndarray of uint8, shape (10000, 28, 28), and ndarray of int64, shape (10000,)
        Test images and labels.

    Raises
    ------
    DataNotFoundError
        MNIST is nowhere; the message names every place and what to do.
    DataError
        The files are there but damaged or not what they should be.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86 (11), 1998.

    Examples
    --------
    >>> from nnaccel.data import mnist
    >>> (x, y), (x_test, y_test) = mnist()  # doctest: +SKIP
    >>> x.shape, x.dtype.name, y.shape  # doctest: +SKIP
    ((60000, 28, 28), 'uint8', (60000,))
    """
    if path is not None:
        try:
            return _read(_locate(Path(path).expanduser()))
        except DataNotFoundError as error:
            raise DataNotFoundError(f"{error}; {_WANTED}") from None
    tried = []
    data_dir, cache_dir = _config.data_dir(), _config.cache_dir()
    if data_dir is not None:
        try:
            return _read(_locate(data_dir))
        except DataNotFoundError as error:
            tried.append(str(error))
    try:
        return _read(_locate(cache_dir))
    except DataError as error:  # what is damaged in the cache, a download mends
        if not download and not isinstance(error, DataNotFoundError):
            raise
        tried.append(str(error))
    if download:
        try:
            return _read(_download(cache_dir / "mnist", timeout))
        except DataNotFoundError as error:
            tried.append(str(error))
    else:
        tried.append("downloading was not allowed")
    raise DataNotFoundError(
        f"MNIST was not found. {'. '.join(tried)}. Put its files into {cache_dir / 'mnist'}, or "
        f"set NNACCEL_DATA to the folder that holds them: {_WANTED}. Or take digits that need no "
        "download: nn.data.digits(), in the examples --data digits, nnaccel train digits."
    )


def _locate(root: Path) -> list[Path]:
    """Return the four IDX files, or one .npz file, in `root` or in its folder mnist."""
    if root.is_file():
        return [root]
    for folder in (root / "mnist", root):
        files = [_spelling(folder, name) for name in CHECKSUMS]
        if all(files):
            return [file for file in files if file]
        if (folder / "mnist.npz").is_file():
            return [folder / "mnist.npz"]
    raise DataNotFoundError(f"{root}: {_absence(root)}")


def _spelling(folder: Path, name: str) -> Path | None:
    """Return the file `name` as it is spelt in `folder`; plain before gzipped."""
    spellings = [name, name.replace("-idx", ".idx")]
    paths = [folder / (spelling + suffix) for suffix in ("", ".gz") for spelling in spellings]
    return next((path for path in paths if path.is_file()), None)


def _absence(root: Path) -> str:
    """Say what a folder without MNIST lacks."""
    if not root.is_dir():
        return "no such folder"
    lacks = min(
        ([n for n in CHECKSUMS if not _spelling(folder, n)] for folder in (root / "mnist", root)),
        key=len,
    )
    return "no MNIST files" if len(lacks) == len(CHECKSUMS) else f"lacks {', '.join(lacks)}"


def _download(folder: Path, timeout: float) -> list[Path]:
    """Fetch the four files into `folder`."""
    from nnaccel.data.download import fetch  # here, since few imports of nnaccel need it

    names = {f"{name}.gz": sha256 for name, sha256 in CHECKSUMS.items()}
    fetch(names, folder, MIRRORS, timeout)
    return [folder / name for name in names]


def _read(files: list[Path]) -> tuple[_Pair, _Pair]:
    """Read and check what `_locate` found."""
    if len(files) == 1:
        x, y, x_test, y_test = read_npz(files[0], SPLIT_KEYS)
        names = [f"{files[0]}: {key}" for key in SPLIT_KEYS]
    else:
        x, y, x_test, y_test = (read_idx(f, ndim=n) for f, n in zip(files, (3, 1) * 2, strict=True))
        names = [str(file) for file in files]
    return _checked(x, y, *names[:2]), _checked(x_test, y_test, *names[2:])


def _checked(x: NDArray[Any], y: NDArray[Any], x_name: str, y_name: str) -> _Pair:
    """Images of 28 by 28 bytes with as many labels 0 … 9."""
    if x.dtype != np.uint8 or x.shape[1:] != (28, 28) or not len(x):
        raise DataError(f"{x_name} is {x.dtype} {x.shape}; uint8 (N, 28, 28) was expected")
    if y.dtype.kind not in "iu" or y.shape != x.shape[:1]:
        raise DataError(f"{y_name} is {y.dtype} {y.shape}: not a label for each of the images")
    if y.min() < 0 or y.max() > 9:
        wrong = y[(y < 0) | (y > 9)][0]
        raise DataError(f"{y_name} holds the label {wrong}; 0 to 9 were expected")
    return np.ascontiguousarray(x), y.astype(np.int64)
