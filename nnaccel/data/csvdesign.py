"""The matrix of a regression from a CSV file."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from nnaccel.data.csvcolumns import MISSING
from nnaccel.data.csvencoding import check_names, complete_rows, encode, values_of
from nnaccel.data.csvtable import Table
from nnaccel.data.design import Design
from nnaccel.data.errors import MAX_BYTES, DataError
from nnaccel.data.levels import warn_of_alike


def read_design(
    path: str | Path,
    target: str,
    *,
    drop: Collection[str] = (),
    text: Collection[str] = (),
    missing: Collection[str] = MISSING,
    decimal: str | None = None,
    keep_index: bool = False,
    max_bytes: int = MAX_BYTES,
) -> Design:
    r"""Read the variables of a regression from a CSV file.

    The first row names the columns, which are separated by commas, semicolons or tabs. A column
    whose cells are all numbers is taken as it is; if a few are not, it is refused, since they are
    likely misspelt. Between semicolons or tabs, numbers may have a comma before their decimals,
    if that cannot be meant to set off thousands. Any other column, and each of `text`, is text: a
    column of 0 and 1 for each of its levels but the first in sorted order, as the treatment
    contrasts of R; with an intercept a column for the first would be the sum of the others. Left
    out are rows with a missing cell, columns with neither name nor cells, and a first column
    without a name or called ``Unnamed: 0``, where R and pandas write the rows' names.

    Parameters
    ----------
    path : str or Path
        The file, in UTF-8.
    target : str
        Column to explain.
    drop : collection of str
        Columns to pass over, missing cells in them included.
    text : collection of str
        Columns to take as text though they look like numbers.
    missing : collection of str
        What stands for a missing value, in any case: blank, NA, N/A, N.A., #N/A, <NA>, NaN, null,
        None, ? by default.
    decimal : '.' or ',', optional
        What sets off decimals; the other then sets off thousands. By default decided by the
        numbers, or the file is refused; thousands are not set off then.
    keep_index : bool
        Whether to take the column of the rows' names as one like the others.
    max_bytes : int
        Largest file accepted.

    Returns
    -------
    Design
        The matrix, its target, and how it came about.

    Raises
    ------
    DataNotFoundError
        There is no such file.
    DataError
        The file is damaged, too large or has no header, a column is not there, a number is
        misspelt, infinite or may be read in two ways, text has a level for nearly every row, or
        nothing is left; the message says where.

    Warns
    -----
    UserWarning
        Levels of text differ in case or blanks only, as NO and no; a column is taken as text
        although half of its cells or more are numbers.

    References
    ----------
    J. M. Chambers, T. J. Hastie, *Statistical Models in S*, 1992, section 2.3.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from nnaccel.data import read_design
    >>> rows = ["rent,rooms,city", "900,3,Köln", "700,3,Bonn", "650,2,Köln", "NA,1,Bonn"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "rents.csv")
    ...     _ = path.write_text("\n".join(rows), "utf-8")
    ...     rents = read_design(path, "rent")
    >>> rents.feature_names, rents.dropped, rents.text[0].reference
    (('rooms', 'city[Köln]'), 1, 'Bonn')
    >>> rents.x.tolist(), rents.y.tolist()
    ([[3.0, 1.0], [3.0, 0.0], [2.0, 1.0]], [900.0, 700.0, 650.0])
    """
    table = Table.read(path, max_bytes, header=True, keep_index=keep_index)
    table.require([target, *drop, *text])
    if target in drop:
        raise DataError(f"{table.path}: column {target!r} is the target: it cannot be left out")
    names = [name for name in table.columns if name not in drop]
    columns = table.parse(names, text, missing, decimal)
    rows, lacking = complete_rows(columns, table, [target])
    y = values_of(next(column for column in columns if column.name == target), rows)
    if (y == y[0]).all():
        raise DataError(
            f"{table.path}: the target {target!r} is {y[0]} in every complete row: there is "
            "nothing to explain"
        )
    variables = [column for column in columns if column.name != target]
    x, feature_names, encoded = encode(variables, rows, table)
    if not feature_names:
        raise DataError(f"{table.path} has no column that varies besides the target {target!r}")
    check_names(variables, encoded, table)
    if y.dtype == object:
        warn_of_alike(f"{table.path}: the target {target!r}", set(y.tolist()))
    varied = tuple(each for each in encoded if len(each.levels) > 1)
    constant = tuple(each for each in encoded if len(each.levels) == 1)
    numbering = [
        f"{column.name} numbers the rows: if it is an index, leave it out, --drop {column.name!r}"
        for column in variables
        if table.numbers_rows(column.name)
    ]
    return Design(
        x=x,
        feature_names=feature_names,
        y=y,
        target=target,
        dropped=len(table.lines) - len(rows),
        missing=lacking,
        text=varied,
        constant=constant,
        index=table.index,
        notes=(*table.notes, *numbering),
    )
