"""One name or path, as typed on a command line, to a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nnaccel._validate import unknown_name
from nnaccel.data.dataset import NAMES, Dataset
from nnaccel.data.embedded import IRIS_CLASSES, digits, iris
from nnaccel.data.errors import DataError
from nnaccel.data.files import load
from nnaccel.data.mnist import mnist
from nnaccel.data.mnist_like import FASHION_CLASSES, KMNIST_CLASSES, fashion_mnist, kmnist
from nnaccel.data.scaling import Scaling

_TEN = tuple("0123456789")


def load_named(
    source: str | Path,
    *,
    download: bool = True,
    timeout: float = 60.0,
    standardize: bool = False,
    scaling: Scaling | None = None,
    **options: Any,
) -> Dataset:
    """Load ``mnist``, ``fashion_mnist``, ``kmnist``, ``digits``, ``iris``, or a path's file.

    Parameters
    ----------
    source : str or Path
        One of the names, or the path of an ``.npz`` or ``.csv`` file as `load` takes it.
    download, timeout : bool, float
        As for `mnist`.
    standardize, scaling : bool, Scaling
        As for `load`.
    **options
        For the file, as `load` takes them.

    Returns
    -------
    Dataset
        Training and test rows and the names of the classes.

    Raises
    ------
    DataNotFoundError
        The data set or the file is not there.
    DataError
        The name is unknown, or the file cannot be used.

    Examples
    --------
    >>> from nnaccel.data import load_named
    >>> load_named("digits").x.shape
    (1438, 8, 8)
    """
    name = str(source).strip().lower()
    if name not in NAMES and Path(source).suffix.lower() in (".npz", ".csv"):
        return load(source, standardize=standardize, scaling=scaling, **options)
    given = next((option for option, value in options.items() if value), None)
    if name in NAMES and given is not None:
        raise ValueError(f"leave out {given}: it is for files, and {name} is none")
    match name:
        case "mnist":
            train, test = mnist(download=download, timeout=timeout)
            dataset = Dataset(name, *train, *test, _TEN)
        case "fashion_mnist":
            train, test = fashion_mnist(download=download, timeout=timeout)
            dataset = Dataset(name, *train, *test, FASHION_CLASSES)
        case "kmnist":
            train, test = kmnist(download=download, timeout=timeout)
            dataset = Dataset(name, *train, *test, KMNIST_CLASSES)
        case "digits":
            train, test = digits()
            dataset = Dataset(name, *train, *test, _TEN)
        case "iris":
            flowers, test_flowers = iris()
            dataset = Dataset(name, *flowers, *test_flowers, IRIS_CLASSES)
        case _:
            what = unknown_name("data set", str(source), NAMES)
            raise DataError(f"{what} A file must end in .npz or .csv.")
    return dataset.standardized(scaling) if standardize or scaling is not None else dataset
