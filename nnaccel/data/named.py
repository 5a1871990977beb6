"""One name or path, as typed on a command line, to a data set."""

from __future__ import annotations

from pathlib import Path

from nnaccel._validate import unknown_name
from nnaccel.data.dataset import Dataset
from nnaccel.data.embedded import IRIS_CLASSES, digits, iris
from nnaccel.data.errors import DataError
from nnaccel.data.files import load
from nnaccel.data.mnist import mnist

NAMES = ("mnist", "digits", "iris")
_TEN = tuple("0123456789")


def load_named(source: str | Path, *, download: bool = True, timeout: float = 60.0) -> Dataset:
    """Load ``mnist``, ``digits`` or ``iris``, or the file of a path.

    Parameters
    ----------
    source : str or Path
        One of the names, or the path of an ``.npz`` or ``.csv`` file as `load` takes it.
    download, timeout : bool, float
        As for `mnist`.

    Returns
    -------
    Dataset
        Training and test rows and the names of the classes.

    Raises
    ------
    DataNotFoundError
        MNIST or the file is not there.
    DataError
        The name is unknown, or the file cannot be used.

    Examples
    --------
    >>> from nnaccel.data import load_named
    >>> load_named("digits").x.shape
    (1438, 8, 8)
    """
    name = str(source).strip().lower()
    if name == "mnist":
        train, test = mnist(download=download, timeout=timeout)
        return Dataset(name, *train, *test, _TEN)
    if name == "digits":
        train, test = digits()
        return Dataset(name, *train, *test, _TEN)
    if name == "iris":
        flowers, test_flowers = iris()
        return Dataset(name, *flowers, *test_flowers, IRIS_CLASSES)
    if Path(source).suffix.lower() in (".npz", ".csv"):
        return load(source)
    raise DataError(
        f"{unknown_name('data set', str(source), NAMES)} A file must end in .npz or .csv."
    )
