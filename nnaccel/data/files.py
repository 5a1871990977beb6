"""Your own data: an .npz or .csv file into training and test rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnaccel.data import labels
from nnaccel.data.csvfile import read_csv
from nnaccel.data.dataset import Dataset, Pair, split
from nnaccel.data.errors import MAX_BYTES, DataError
from nnaccel.data.npz import read_npz

#: Keys of an .npz file: already split, as Keras stores its data sets, or one table.
SPLIT_KEYS = ("x_train", "y_train", "x_test", "y_test")
TABLE_KEYS = ("x", "y")


def load(
    path: str | Path,
    *,
    classes: Sequence[str] | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
    max_bytes: int = MAX_BYTES,
) -> Dataset:
    r"""Load a data set from an ``.npz`` or a ``.csv`` file.

    An ``.npz`` holds ``x_train, y_train, x_test, y_test``, or ``x, y`` to be split. A ``.csv``
    holds a row per example, with or without a header, separated by commas, semicolons or tabs; its
    label column is the one called label, target, y or class, else the last.

    Text labels are numbered in sorted order. Whole numbers 0 … 999 are labels as they stand, other
    whole numbers (-1 and 1, say) are numbered in ascending order, and numbers with a fraction are
    values for regression.

    Parameters
    ----------
    path : str or Path
        The file.
    classes : sequence of str, optional
        Names of the classes in the order of their labels, for instance those a model was trained
        on. By default those found in the file.
    test_fraction : float
        Share of the rows set aside as test rows, in [0, 1), the same in every class; of no effect
        where the file is split already.
    seed : int
        Seed of the shuffle before the split: one seed, one split.
    max_bytes : int
        Largest arrays (``.npz``) or file (``.csv``) accepted, in bytes.

    Returns
    -------
    Dataset
        Unpacks as ``(x, y), (x_test, y_test)``. `x` is uint8 if it was stored so, else float32.

    Raises
    ------
    DataNotFoundError
        There is no such file.
    DataError
        The file is damaged, too large, or not such a table; the message says where.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from nnaccel.data import load
    >>> rows = ["height,weight,class"] + [f"{i},{i * i},{'ab'[i % 2]}" for i in range(10)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "people.csv")
    ...     _ = path.write_text("\n".join(rows))
    ...     people = load(path)
    >>> people.classes, people.x.shape, people.x_test.shape
    (('a', 'b'), (8, 2), (2, 2))
    """
    if not 0 <= test_fraction < 1:
        raise ValueError(f"test_fraction must be in [0, 1), not {test_fraction}")
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".csv":
        x, codes, names = read_csv(path, max_bytes=max_bytes)
        inputs: list[NDArray[Any]] = [x]
        y, known = labels.from_names(codes, names, classes, str(path))
    elif suffix == ".npz":
        inputs, targets = _read_arrays(path, max_bytes)
        y, known = _encode(targets, classes, str(path))
    else:
        raise DataError(f"{path} must end in .npz or .csv to be loaded")
    train, test = _divide(inputs, y, test_fraction, seed, path)
    return Dataset(path.stem, *train, *test, known)


def _read_arrays(path: Path, max_bytes: int) -> tuple[list[NDArray[Any]], NDArray[Any]]:
    """Read the inputs, one array or two, and their targets end to end; their shapes agree."""
    arrays = read_npz(path, SPLIT_KEYS, TABLE_KEYS, max_bytes=max_bytes)
    keys = SPLIT_KEYS if len(arrays) == len(SPLIT_KEYS) else TABLE_KEYS
    xs, ys = arrays[::2], arrays[1::2]
    for x, y, x_key, y_key in zip(xs, ys, keys[::2], keys[1::2], strict=True):
        if x.ndim < 2 or 0 in x.shape:
            raise DataError(f"{path}: {x_key} has shape {x.shape}; (N, features …) is wanted")
        if y.ndim != 1:
            hint = "; of one-hot rows, save y.argmax(1)" if y.ndim == 2 else ""
            raise DataError(f"{path}: {y_key} has shape {y.shape}; (N,) is wanted{hint}")
        if len(x) != len(y):
            raise DataError(f"{path}: {x_key} has {len(x):,} rows and {y_key} has {len(y):,}")
    if len({x.shape[1:] for x in xs}) > 1 or len({y.dtype.kind == "U" for y in ys}) > 1:
        raise DataError(f"{path}: training and test arrays differ in the shape or type of a row")
    inputs = [_as_inputs(x, key, path) for x, key in zip(xs, keys[::2], strict=True)]
    return inputs, np.concatenate(ys)


def _as_inputs(x: NDArray[Any], key: str, path: Path) -> NDArray[Any]:
    """Contiguous uint8, or finite float32."""
    if x.dtype.kind == "U":
        raise DataError(f"{path}: {key} holds text; numbers are wanted")
    if x.dtype == np.uint8:
        return np.ascontiguousarray(x)
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(x, np.float32)
    finite = np.isfinite(values)
    if not finite.all():
        at = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise DataError(f"{path}: {key}{list(at)} is {x[at]}, not a finite float32")
    return values


def _encode(y: NDArray[Any], classes: Sequence[str] | None, source: str) -> labels.Labels:
    """Labels of an array of text or numbers."""
    if y.dtype.kind != "U":
        return labels.from_numbers(y, classes, source)
    names, codes = np.unique(y, return_inverse=True)
    return labels.from_names(codes, names.tolist(), classes, source)


def _divide(
    inputs: list[NDArray[Any]], y: NDArray[Any], fraction: float, seed: int, path: Path
) -> tuple[Pair, Pair]:
    """Training and test pairs: as the file has them, or split here."""
    if len(inputs) == 2:
        x, x_test = inputs
        return (x, y[: len(x)]), (x_test, y[len(x) :])
    train, test = split(inputs[0], y, test_fraction=fraction, seed=seed)
    if fraction and not len(test[1]):
        raise DataError(f"{path} has {len(y)} rows: too few to set {fraction:.0%} aside as a test")
    return train, test
