"""Your own data: an .npz or .csv file into training and test rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnaccel._validate import unknown_name
from nnaccel.data.csvdata import read_labelled
from nnaccel.data.csvknown import read_known
from nnaccel.data.dataset import NAMES, Dataset, Pair, split
from nnaccel.data.errors import MAX_BYTES, DataError
from nnaccel.data.labels import TASKS, labels_of
from nnaccel.data.npz import read_npz
from nnaccel.data.scaling import Scaling
from nnaccel.data.schema import Schema

#: Keys of an .npz file: already split, as Keras stores its data sets, or one table.
SPLIT_KEYS = ("x_train", "y_train", "x_test", "y_test")
TABLE_KEYS = ("x", "y")


def load(
    path: str | Path,
    *,
    label: str | None = None,
    task: str | None = None,
    classes: Sequence[str] | None = None,
    header: bool | None = None,
    decimal: str | None = None,
    drop: Collection[str] = (),
    text: Collection[str] = (),
    keep_index: bool = False,
    schema: Schema | None = None,
    standardize: bool = False,
    scaling: Scaling | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
    max_bytes: int = MAX_BYTES,
) -> Dataset:
    r"""Load a data set from an ``.npz`` or a ``.csv`` file.

    An ``.npz`` holds ``x_train, y_train, x_test, y_test``, or ``x, y`` to be split. A ``.csv`` is a
    table, with or without a header, separated by commas, semicolons or tabs, and read as
    `read_design` reads it: text becomes indicators; rows with a missing cell are left out, and so
    is the column of an index, or one that numbers the rows. What was guessed or left out is in the
    data set's `notes`.

    Text labels are numbered in sorted order. Whole numbers are labels too, numbered in ascending
    order, if they are up to 20 different ones, or in an ``.npz`` 0, 1, 2, … without a gap; others
    are values for regression.

    Parameters
    ----------
    path : str or Path
        The file.
    label : str, optional
        Column of a ``.csv`` to predict; without a header its number from 1. By default the
        one called label, target, y or class, else the last.
    task : 'classify' or 'regress', optional
        Whether the labels are classes or values.
    classes : sequence of str, optional
        Names of the classes in the order of their labels, for instance those a model was trained
        on. By default those found in the file.
    header : bool, optional
        Whether the first row of a ``.csv`` names its columns. By default decided by the rows
        below, or the file is refused.
    decimal : '.' or ',', optional
        What sets off decimals in a ``.csv``; the other then sets off thousands. By default decided
        by the numbers, or the file is refused; thousands are not set off then.
    drop, text : collection of str
        Columns of a ``.csv`` to pass over, and to take as text though they look like numbers.
    keep_index : bool
        Whether to keep the column of an index.
    schema : Schema, optional
        The columns of another data set: those of a ``.csv`` are then taken by their names, and
        text has the same levels. Instead of `label`, `drop`, `text` and `keep_index`.
    standardize : bool
        Whether to bring the columns of a table, and values for regression, to mean 0 and standard
        deviation 1 in the training rows. Images stay as they are.
    scaling : Scaling, optional
        That of another data set, to be used instead.
    test_fraction : float
        Share of the rows set aside as test rows, in [0, 1), the same in every class; of no effect
        where the file is split already.
    seed : int
        Seed of the shuffle before the split: one seed, one split.
    max_bytes : int
        Largest arrays (``.npz``), as they lie in memory, or file (``.csv``) accepted, in bytes.

    Returns
    -------
    Dataset
        Unpacks as ``(x, y), (x_test, y_test)``. `x` is uint8 for images stored so, else float32.

    Raises
    ------
    DataNotFoundError
        There is no such file.
    DataError
        The file is damaged, too large, not such a table, or can be read in two ways; the message
        says where.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from nnaccel.data import load
    >>> rows = ["height,weight,class"] + [f"{i},{i * i},{'ab'[i % 2]}" for i in range(150, 160)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "people.csv")
    ...     _ = path.write_text("\n".join(rows))
    ...     people = load(path)
    >>> people.classes, people.x.shape, people.x_test.shape
    (('a', 'b'), (8, 2), (2, 2))
    >>> people.notes
    ("the label is 'class', by its name: 2 classes (--label and --task say otherwise)",)
    """
    if not 0 <= test_fraction < 1:
        raise ValueError(f"test_fraction must be in [0, 1), not {test_fraction}")
    if task not in (None, *TASKS):
        raise ValueError(unknown_name("task", task, TASKS))
    if decimal not in (None, ".", ","):
        raise ValueError(f"decimal must be '.' or ',', not {decimal!r}")
    path = Path(path)
    chosen: dict[str, Any] = {"label": label, "drop": drop, "text": text, "keep_index": keep_index}
    form: dict[str, Any] = {"header": header, "decimal": decimal}
    given = [name for name, value in chosen.items() if value]
    match path.suffix.lower():
        case ".npz":
            given += [name for name, value in form.items() if value is not None]
            if given:
                raise ValueError(f"leave out {given[0]}: it is for .csv files, and {path} is none")
            inputs, targets = _read_arrays(path, max_bytes)
            labels = labels_of(targets, path, task=task, classes=classes, counted=True)
            notes: tuple[str, ...] = (f"the labels are {labels.why} (--task says otherwise)",)
            if schema is not None:
                notes = ("columns have no names in it, and are taken as in the order of training",)
        case ".csv":
            if schema is not None and given:
                raise ValueError(f"leave out {given[0]}: the schema says which columns there are")
            form |= {"task": task, "classes": classes, "max_bytes": max_bytes}
            table = (
                read_labelled(path, **chosen, **form)
                if schema is None
                else read_known(path, schema, **form)
            )
            inputs, labels, schema, notes = [table.x], table.labels, table.schema, table.notes
        case _:
            known = ", ".join(f"nn.data.{name}()" for name in NAMES)
            hint = "" if path.suffix else f"; data sets that have a name are {known}"
            raise DataError(f"{path} must end in .npz or .csv to be loaded{hint}")
    train, test = _divide(inputs, labels.y, test_fraction, seed, path)
    dataset = Dataset(path.stem, *train, *test, labels.classes, schema, None, notes)
    if standardize or scaling is not None:
        dataset = dataset.standardized(scaling)
    narrow = {
        name: array.astype(np.float32)
        for name in ("x", "y", "x_test", "y_test")
        if (array := getattr(dataset, name)).dtype == np.float64
    }
    return replace(dataset, **narrow)


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
    """Contiguous uint8 images, or finite float32."""
    if x.dtype.kind == "U":
        raise DataError(f"{path}: {key} holds text; numbers are wanted")
    if x.dtype == np.uint8 and x.ndim > 2:
        return np.ascontiguousarray(x)
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(x, np.float32)
    finite = np.isfinite(values)
    if not finite.all():
        at = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise DataError(f"{path}: {key}{list(at)} is {x[at]}, not a finite float32")
    return values


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
