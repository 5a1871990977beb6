"""The rows of CSV files as programs write them: delimiters, stray cells, blanks, many columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnaccel.data import DataError, load, read_design

ROWS = [(f"{i % 5}", f"{3 * i}", f"{i}") for i in range(12)]


def write(folder: Path, *lines: str) -> Path:
    """Write a file."""
    path = folder / "a.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("first", "other"),
    [("", ","), (",", ","), (",", ""), (",,", ",,"), ("", ",,,"), (",,", "")],
)
def test_delimiters_at_the_end_shift_nothing(
    tmp_path: Path, separator: str, first: str, other: str
) -> None:
    lines = [f"z,y,x{first}", *(",".join(row) + other for row in ROWS)]
    path = write(tmp_path, *(line.replace(",", separator) for line in lines))
    design = read_design(path, "y")
    assert design.feature_names == ("z", "x")
    assert design.x[:, 1].tolist() == list(range(12))
    assert design.y.tolist() == [3 * i for i in range(12)]
    dataset = load(path, label="y", task="regress", keep_index=True, test_fraction=0)
    np.testing.assert_array_equal(dataset.x[:, 1] * 3, dataset.y)


@pytest.mark.parametrize("cell", ["0", "7.5", "a"])
def test_a_cell_too_many_is_refused(tmp_path: Path, cell: str) -> None:
    path = write(tmp_path, "z,x,y", *(",".join((*row, cell)) for row in ROWS))
    words = "the first row has 3 cells and those below it have 4: give each column a name, or take"
    for read in (lambda: read_design(path, "y"), lambda: load(path)):
        with pytest.raises(DataError, match=words):
            read()


def test_names_of_rows_without_quotes_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "x,y", *(f"r{i},{i},{i % 4}" for i in range(9)))
    with pytest.raises(DataError, match="the first row has 2 cells and those below it have 3"):
        read_design(path, "y")
    quoted = write(tmp_path, '"x","y"', *(f'"r{i}",{i},{i % 4}' for i in range(9)))
    assert read_design(quoted, "y").x.ravel().tolist() == list(range(9))
    repeated = write(tmp_path, '"x","y"', *(f'"r",{i},{i % 4}' for i in range(9)))
    with pytest.raises(DataError, match="the first row has 2 cells"):
        read_design(repeated, "y")


@pytest.mark.parametrize("row", [0, 1, 5, 11])
@pytest.mark.parametrize("cells", [2, 4])
def test_the_row_that_differs_is_blamed(tmp_path: Path, row: int, cells: int) -> None:
    rows = [",".join(each) for each in ROWS]
    rows[row] = ",".join([*ROWS[row], "9"][:cells])
    path = write(tmp_path, "z,x,y", *rows)
    words = f"row {row + 2} has {cells} cells where most rows have 3"
    for read in (lambda: read_design(path, "y"), lambda: load(path)):
        with pytest.raises(DataError, match=words):
            read()


@pytest.mark.parametrize("said", ["sep=;", "SEP=;\r", '"sep=;"', "\ufeffsep=;"])
def test_the_line_with_which_excel_says_the_separator(tmp_path: Path, said: str) -> None:
    path = write(tmp_path, said, "z, km;x;y", *(";".join(row) for row in ROWS))
    assert read_design(path, "y").feature_names == ("z, km", "x")
    with pytest.raises(DataError, match="row 5 has 1 cells"):
        read_design(write(tmp_path, said, "x;y", "1;2", "1;3", "4", "1;3"), "y")
    pipes = write(tmp_path, "sep=|", "z|x|y", *("|".join(row) for row in ROWS))
    assert read_design(pipes, "y").feature_names == ("z", "x")


def test_commas_in_names_do_not_outvote_semicolons(tmp_path: Path) -> None:
    path = write(tmp_path, "z, m;x, m;y, m, net", *(";".join(row) for row in ROWS))
    assert read_design(path, "y, m, net").feature_names == ("z, m", "x, m")


def test_columns_with_neither_name_nor_cells_are_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, "z,,x,y", *(",".join((a, "", b, c)) for a, b, c in ROWS))
    assert read_design(path, "y").feature_names == ("z", "x")
    path = write(tmp_path, *(",".join((a, "", b, c)) for a, b, c in ROWS))
    dataset = load(path, label="4", task="regress")
    assert dataset.schema is not None
    assert dataset.schema.feature_names == ("1", "3")


def test_blank_rows_are_passed_over_unless_they_never_end(tmp_path: Path) -> None:
    gaps = [line for row in ROWS for line in (",".join(row), "", ",,")]
    assert len(read_design(write(tmp_path, "z,x,y", *gaps), "y").y) == len(ROWS)
    for blank in ("", ",,"):
        path = write(tmp_path, "z,x,y", *[blank] * 100_001, "1,2,3")
        with pytest.raises(DataError, match="more than 100,000 blank rows up to row"):
            read_design(path, "y")


def test_thousands_of_columns(tmp_path: Path) -> None:
    columns = 20_000  # each of which must not be looked for among all the others
    names = ",".join(f"c{i}" for i in range(columns))
    rows = [",".join(str(i % (j + 7)) for i in range(columns)) + f",{j % 2}" for j in range(4)]
    path = write(tmp_path, f"{names},label", *rows)
    dataset = load(path, standardize=True, test_fraction=0)
    again = load(path, schema=dataset.schema, classes=dataset.classes, test_fraction=0)
    assert dataset.x.shape == again.x.shape == (4, columns)
    with pytest.raises(DataError, match=r"choose one of 'c0', 'c1', .* …\. Did you mean 'label'"):
        read_design(path, "lable")
