"""The matrix of a regression from a CSV file: what was written is what is read, or is refused."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnaccel.data import DataError, DataNotFoundError, TextColumn, read_design
from nnaccel.data.csvcolumns import MISSING

Write = Callable[..., Path]

PEOPLE = """\
wage, age, city, member
10.5, 20, Köln, yes
11,   30, Bonn, no
12,   40, Aachen, yes
9,    ,   Bonn, no
8e0,  25, Köln, no
14,   51, Bonn, yes
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a CSV file and give its path."""

    def _write(text: str | bytes) -> Path:
        path = tmp_path / "table.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return _write


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_numbers_stay_and_text_becomes_indicators(write: Write, delimiter: str, mark: str) -> None:
    design = read_design(write(mark + PEOPLE.replace(",", delimiter)), "wage")
    assert design.feature_names == ("age", "city[Bonn]", "city[Köln]", "member[yes]")
    np.testing.assert_array_equal(
        design.x,
        [[20, 0, 1, 1], [30, 1, 0, 0], [40, 0, 0, 1], [25, 0, 1, 0], [51, 1, 0, 1]],
    )
    np.testing.assert_array_equal(design.y, [10.5, 11, 12, 8, 14])
    assert (design.x.dtype, design.y.dtype) == (np.float64, np.float64)
    assert (design.target, design.dropped, design.is_text) == ("wage", 1, False)
    assert design.text == (
        TextColumn("city", ("Aachen", "Bonn", "Köln")),
        TextColumn("member", ("no", "yes")),
    )
    assert (design.variables, design.constant) == (3, ())
    assert [each.reference for each in design.text] == ["Aachen", "no"]


def test_a_target_of_text(write: Write) -> None:
    design = read_design(write(PEOPLE), "member", drop=["city"])
    assert design.feature_names == ("wage", "age")
    assert design.y.tolist() == ["yes", "no", "yes", "no", "yes"]
    assert (design.y.dtype, design.is_text) == (object, True)
    assert design.labels() is design.y


def test_missing_cells_of_dropped_columns_cost_no_rows(write: Write) -> None:
    design = read_design(write(PEOPLE), "wage", drop=["age"])
    assert (len(design.x), design.dropped) == (6, 0)


@pytest.mark.parametrize("spelling", [*MISSING, "nan", "  ", "nA", "NONE"])
def test_each_spelling_of_a_missing_value(write: Write, spelling: str) -> None:
    path = write(f"y,x,t\n1,5,a\n2,{spelling},a\n3,7,b\n{spelling},8,b\n5,9,{spelling}\n6,9,a\n")
    design = read_design(path, "y")
    assert design.x.tolist() == [[5, 0], [7, 1], [9, 0]]
    assert (design.y.tolist(), design.dropped) == ([1, 3, 6], 3)


def test_other_spellings_of_a_missing_value(write: Write) -> None:
    path = write("y,x\n1,5\n2,-99\n3,absent\n4,8\n")
    design = read_design(path, "y", missing=["-99", "Absent"])
    assert (design.x.tolist(), design.dropped) == ([[5], [8]], 2)


def test_levels_are_those_of_complete_rows(write: Write) -> None:
    design = read_design(write("y,x,t\n1,NA,a\n2,1,b\n3,2,c\n4,3,b\n"), "y")
    assert design.text == (TextColumn("t", ("b", "c")),)


def test_text_with_one_level_is_left_out_and_told(write: Write) -> None:
    design = read_design(write("y,x,t\n1,5,a\n2,6,a\n3,9,\n"), "y")
    assert (design.feature_names, design.text) == (("x",), ())
    assert design.constant == (TextColumn("t", ("a",)),)


def test_levels_spelt_nearly_alike_are_kept_apart_and_told(write: Write) -> None:
    path = write(
        "y,t,u\nyes,NO,New  York\nYes,no,Bonn\nyes,yes,New York\nYes,no,Bonn\nyes,no,Bonn\n"
    )
    words = "has levels that differ in case or blanks only, "
    with pytest.warns(UserWarning, match="case or blanks") as told:
        design = read_design(path, "y")
    assert [levels.levels for levels in design.text] == [
        ("NO", "no", "yes"),
        ("Bonn", "New  York", "New York"),
    ]
    said = [str(each.message).split(": they are kept apart")[0] for each in told]
    assert said == [
        f"{path}: column 't' {words}'NO' and 'no'",
        f"{path}: column 'u' {words}'New  York' and 'New York'",
        f"{path}: the target 'y' {words}'Yes' and 'yes'",
    ]


def test_numbers_with_underscores_are_text(write: Write) -> None:
    design = read_design(write("y,quarter\n1,2020_1\n2,2020_2\n3,2020_1\n4,2020_2\n"), "y")
    assert design.feature_names == ("quarter[2020_2]",)


def test_a_header_of_years(write: Write) -> None:
    assert read_design(write("2019,2020\n1,2\n2,4\n"), "2020").feature_names == ("2019",)


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        (["0", "1.0", "1", "0"], [0, 1, 1, 0]),
        (["10", "-2", "10", "3"], [10, -2, 10, 3]),
        (["0.5", "1", "1", "0.5"], ["0.5", "1", "1", "0.5"]),
        (["1e300", "1", "1", "1"], ["1e+300", "1", "1", "1"]),
    ],
)
def test_numbers_as_labels(write: Write, cells: list[str], labels: list[Any]) -> None:
    text = "".join(f"{i},{cell}\n" for i, cell in enumerate([*cells, *cells]))
    assert read_design(write(f"x,y\n{text}"), "y").labels().tolist() == labels * 2


@pytest.mark.parametrize("cell", ["{}", "no. {}"])
def test_too_many_classes(write: Write, cell: str) -> None:
    text = "".join(f"{i % 7},{cell.format(i)}\n" for i in range(120))
    design = read_design(write(f"x,y\n{text}"), "y")
    with pytest.raises(DataError, match="'y' has 120 different values in 120 rows: too many"):
        design.labels()


REFUSED = {
    "empty": ("", "is empty"),
    "blank": ("\n\n", "is empty"),
    "header only": ("x,y\n", "has a header and no rows"),
    "no header": ("1,2\n3,4\n", "has no header: .* holds '1'"),
    "target only": ("y\n1\n2\n", "no column that varies besides the target 'y'"),
    "one level only": ("t,y\na,1\na,2\n", "no column that varies besides the target 'y'"),
    "unknown target": ("x,yy\n1,2\n", "unknown column 'y': .*Did you mean 'yy'"),
    "the same name": ("x,y, x\n1,2,3\n", "columns 1 and 3 are both named 'x'"),
    "no name": ("x,,y\n1,2,3\n", "the header has no name for column 2"),
    "ragged": ("x,y\n1,2\n\n1,2,3\n", "row 4 has 3 cells where most rows have 2"),
    "infinity": ("x,y\n1,2\n-inf,3\n", "row 3, column 'x' is -inf, not a finite number"),
    "too large": ("x,y\n1,2\n1,1e999\n", "row 3, column 'y' is 1e999, not a finite number"),
    "long number": (f"x,y\n1,2\n{'9' * 400},3\n", f"column 'x' is {'9' * 40}, not a finite"),
    "signed nan": ("x,y\n1,2\n-nan,3\n", "row 3, column 'x' is -nan, not a finite number"),
    "none complete": ("x,y\n1,\nNA,2\n?,3\n", r"column 'x' alone lacks 2 of 3 .*--drop 'x'"),
    "no target": ("x,y\n1,\n2,NA\n", r"column 'y' alone lacks 2 of 2 values: give its values"),
    "constant": ("x,y\n1,2\n2,2.0\n3,\n", "the target 'y' is 2.0 in every complete row"),
    "constant text": ("x,y\n1,a\n2,a\n", "the target 'y' is a in every complete row"),
    "separated by blanks": ("y x\n1 2\n", "blanks separate cells in its first line, 'y x'"),
    "as R writes it": ('"y" "x"\n"1" 1 2\n', "blanks separate cells .*by commas, semicolons or"),
    "one row shorter": ("x,y\na,1,2\nb,1\n", "row 2 has 3 cells where most rows have 2"),
    "escape": ("x,\x1b[31my\n1,2\n", r"line 1 holds the control character '\\x1b': take it out"),
    "NUL": ("x,y\n1,2\n1,\x00\n", r"line 3 holds the control character '\\x00': take it out"),
    "line break": ('"x\nz",y\n1,2\n2,3\n', r"name of column 1, 'x\\nz', holds a line break"),
    "constant named": ("(Intercept),y\n1,2\n2,3\n", r"'\(Intercept\)' and the constant both"),
    "one name": (
        "t[b],t,y\n1,a,1\n2,b,2\n3,b,1\n",
        r"column 't' and column 't\[b\]' both give a variable 't\[b\]': rename one",
    ),
    "Latin-1": ("x,y\nKöln,2\n".encode("latin-1"), "not UTF-8 text.*save it as UTF-8"),
    "UTF-16": ("x,y\n1,2\n".encode("utf-16"), "not UTF-8 text.*save it as UTF-8"),
    "binary": (b"\x89PNG\r\n\x1a\n\xff\xfe", "not UTF-8 text"),
    "quote": ('x,y\n1,2\n1,"2\n', "not a well-formed CSV"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(write: Write, case: str) -> None:
    text, words = REFUSED[case]
    path = write(text)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}.*{words}"):
        read_design(path, "y")


def test_an_identifier_is_refused(write: Write) -> None:
    text = "".join(f"{i},{i % 3},2024-01-{i:02}\n" for i in range(1, 31))
    path = write(f"y,x,day\n{text}")
    with pytest.raises(DataError, match=r"'day' is text \(row 2 holds '2024-01-01'\) with 30 .*"
                       "levels in 30 rows.*--drop 'day'"):  # fmt: skip
        read_design(path, "y")
    assert read_design(path, "y", drop=["day"]).feature_names == ("x",)


@pytest.mark.parametrize("cell", ["37%", "1 000", "unknown", "-"])
def test_misspelt_numbers_are_pointed_at(write: Write, cell: str) -> None:
    cells = [*range(8), cell, "", "oops"]
    path = write("y,x\n" + "".join(f"{i},{each}\n" for i, each in enumerate(cells)))
    words = f"column 'x' is of numbers but for 2 of its 10 cells, the first '{cell}' in row 10"
    with pytest.raises(DataError, match=f"^{re.escape(f'{path}: {words}: mend them, or leave')}"):
        read_design(path, "y")
    with pytest.raises(DataError, match=words):
        read_design(path, "x")


def test_text_that_holds_numbers_too_is_text(write: Write) -> None:
    path = write("y,x\n1,1\n2,2\n3,2\n4,1\n5,two\n6,\n")
    words = "column 'x' is taken as text although 80% of its cells are numbers: row 6 holds 'two'"
    with pytest.warns(UserWarning, match=words):
        assert read_design(path, "y").text == (TextColumn("x", ("1", "2", "two")),)
    assert read_design(path, "y", text=["x"]).text == (TextColumn("x", ("1", "2", "two")),)
    mixed = write("y,x\n" + "".join(f"{i},{'a' if i % 4 == 0 else i % 4}\n" for i in range(40)))
    with pytest.warns(UserWarning, match="although 75% of its cells are numbers: row 2 holds 'a'"):
        assert read_design(mixed, "y").text == (TextColumn("x", ("1", "2", "3", "a")),)
    few = write("y,x\n" + "".join(f"{i},{i % 9 if i % 9 < 4 else 'a'}\n" for i in range(45)))
    assert read_design(few, "y").text == (TextColumn("x", ("0", "1", "2", "3", "a")),)


def test_numbers_are_taken_as_text_where_asked(write: Write) -> None:
    path = write("y,code\n" + "".join(f"{i % 3},{i % 2 + 7}\n" for i in range(12)))
    design = read_design(path, "y", text=["code", "y"])
    assert (design.feature_names, design.y.tolist()[:3]) == (("code[8]",), ["0", "1", "2"])
    path = write("y,code\n" + "".join(f"{i},{i + 7}\n" for i in range(12)))
    with pytest.raises(DataError, match=r"'code' is text with 12 levels .* take its numbers as"):
        read_design(path, "y", text=["code"])
    with pytest.raises(DataError, match="Did you mean 'code'"):
        read_design(path, "y", text=["cod"])


@pytest.mark.parametrize(
    "cells",
    [
        ("$3.50", "4"),
        ("12%", "7 %"),
        ("1 200 €", "950 €"),
        ("£1,200", "3"),
        ("(5)", "7"),
        ("1'200", "950"),
    ],
)
def test_signs_in_numbers_are_told_of(write: Write, cells: tuple[str, ...]) -> None:
    path = write("y;x\n" + "".join(f"{i};{cell}\n" for i, cell in enumerate(cells * 4)))
    words = (
        f"row 2, column 'x' holds {re.escape(repr(cells[0]))}: signs of currency, .* write plain"
    )
    with pytest.raises(DataError, match=words):
        read_design(path, "y")
    assert read_design(path, "y", text=["x"]).variables == 1


def test_more_than_100_levels_are_refused(write: Write) -> None:
    for levels in (100, 101):
        path = write("y,x,t\n" + "".join(f"{i},{i % 7},g{i % levels}\n" for i in range(1000)))
        if levels == 100:
            assert len(read_design(path, "y").feature_names) == 1 + 99
        else:
            with pytest.raises(DataError, match="with 101 levels in 1,000 rows"):
                read_design(path, "y")


def test_names_that_are_not_there(write: Write, tmp_path: Path) -> None:
    path = write(PEOPLE)
    with pytest.raises(DataError, match=r"unknown column 'ctiy': .*Did you mean 'city'"):
        read_design(path, "wage", drop=["ctiy"])
    with pytest.raises(DataError, match="'wage' is the target: it cannot be left out"):
        read_design(path, "wage", drop=["wage"])
    with pytest.raises(DataNotFoundError, match="no such file"):
        read_design(tmp_path / "none.csv", "wage")
    with pytest.raises(DataError, match="more than the bound 10"):
        read_design(path, "wage", max_bytes=10)


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(finite, finite, st.sampled_from("abc") | st.just("")), min_size=9))
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, float, str]]
) -> None:
    path = tmp_path_factory.mktemp("design") / "a.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("y", "a number", "t"), *rows])
    complete = [row for row in rows if row[2]]
    if len({row[0] for row in complete}) < 2:
        with pytest.raises(DataError, match=r"no row is complete|nothing to explain"):
            read_design(path, "y")
        return
    levels = sorted({row[2] for row in complete})
    if len(levels) > max(2, 2 / 3 * len(complete)):
        with pytest.raises(DataError, match="levels in"):
            read_design(path, "y")
        return
    design = read_design(path, "y")
    assert design.dropped == len(rows) - len(complete)
    assert design.y.tolist() == [row[0] for row in complete]
    assert design.x[:, 0].tolist() == [row[1] for row in complete]
    decoded = [levels[int(row @ np.arange(1, len(levels)))] for row in design.x[:, 1:]]
    assert decoded == [row[2] for row in complete]
    assert (design.x[:, 1:].sum(1) <= 1).all()


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(st.text("yx01.,;-\n\"' aeNn_", max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("design") / "a.csv"
    path.write_text("x,y\n" + text, "utf-8", newline="")
    with contextlib.suppress(DataError):  # and nothing else
        design = read_design(path, "y")
        rows = [
            row
            for row in csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
            if any(row)
        ]
        assert len(design.x) == len(design.y) == len(rows) - design.dropped
        assert design.x.shape[1] == len(design.feature_names)
        assert np.isfinite(design.x).all()


def test_separators_inside_quotes_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "quoted.csv"
    path.write_text('"size, weight, age";y\n1;2\n3;5\n4;4\n')
    assert read_design(path, "y").feature_names == ("size, weight, age",)


@pytest.mark.parametrize(
    "cells",
    [
        ("1,000", "950", "12,345.5"),
        ("1.234,5", "7", ",5"),
        ("1,000,000", "3,5", "7"),
        ("1,5", "2.5", "7"),
    ],
)
def test_commas_in_numbers_are_told_of(write: Write, cells: tuple[str, ...]) -> None:
    path = write("x;y\n" + "".join(f"{cell};{i}\n" for i, cell in enumerate(cells)))
    words = f"row 2, column 'x' holds '{cells[0]}': commas in numbers are not read"
    with pytest.raises(DataError, match=re.escape(words)):
        read_design(path, "y")


def test_commas_between_commas_are_not_read(write: Write) -> None:
    cells = ["1,5", *range(8), "n.k."]
    path = write("x,y\n" + "".join(f'"{cell}",{i}\n' for i, cell in enumerate(cells)))
    with pytest.raises(DataError, match="row 2, column 'x' holds '1,5': commas in numbers are not"):
        read_design(path, "y")


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas_are_read_where_no_comma_separates(write: Write, separator: str) -> None:
    lines = ["y;x;t", "1,5;3;a, b", "-,25;-7,;c", "2;NA;c", "1,e1;1,5E-1;c", "34,54;0,123;a, b"]
    design = read_design(write("\n".join(lines).replace(";", separator)), "y")
    assert design.y.tolist() == [1.5, -0.25, 10, 34.54]
    assert design.x.tolist() == [[3, 0], [-7, 1], [0.15, 1], [0.123, 0]]


def test_a_misspelt_number_beside_decimal_commas(write: Write) -> None:
    path = write("y;x\n" + "".join(f"{i};{i},5\n" for i in range(8)) + "9;oops\n")
    with pytest.raises(DataError, match="but for 1 of its 9 cells, the first 'oops' in row 10"):
        read_design(path, "y")


@pytest.mark.parametrize(("mark", "name"), [(",", "comma"), (".", "point")])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_marks_that_may_set_off_thousands_are_refused(
    write: Write, mark: str, name: str, separator: str
) -> None:
    text = f"y;x\n1;NA\n2;950\n3;12{mark}345\n".replace(";", separator)
    words = f"row 4, column 'x' holds '12{mark}345', whose {name} may set off decimals or thousands"
    with pytest.raises(DataError, match=f"{words}: say what sets off decimals, --decimal"):
        read_design(write(text), "y")
    assert read_design(write(text), "y", decimal=mark).x.tolist() == [[950], [12.345]]
    other = ",."[mark == ","]
    assert read_design(write(text), "y", decimal=other).x.tolist() == [[950], [12345]]


@pytest.mark.parametrize("firm", ["0.5", "1.25", "1234.567", "1.5e3"])
def test_another_number_settles_what_a_point_sets_off(write: Write, firm: str) -> None:
    path = write(f"y;x;z\n1;1.234;2\n2;2.345;{firm}\n")
    assert read_design(path, "y").x[:, 0].tolist() == [1.234, 2.345]


def test_commas_and_points_in_one_file_are_refused(write: Write) -> None:
    path = write("y;x;z\n1;1,5;1.234\n2;2;N.A.\n3;7;900\n")
    with pytest.raises(DataError, match="a comma in column 'x' and a point in column 'z', which"):
        read_design(path, "y")
    design = read_design(path, "y", decimal=",")
    assert design.x.tolist() == [[1.5, 1234], [7, 900]]


def test_points_between_thousands_are_no_text(write: Write) -> None:
    path = write("y;x\n1;1.037\n2;900\n3;1.234.567\n")
    with pytest.raises(DataError, match=r"row 4, column 'x' holds '1.234.567': commas in numbers"):
        read_design(path, "y")
    assert read_design(path, "y", decimal=",").x.ravel().tolist() == [1037, 900, 1234567]


def test_thousands_are_read_where_decimals_are_said(write: Write) -> None:
    path = write('y,x\n1,"1,037.5"\n2,900\n3,"-12,000"\n4,.5\n')
    assert read_design(path, "y", decimal=".").x.ravel().tolist() == [1037.5, 900, -12000, 0.5]
    with pytest.raises(
        DataError, match=r"'1,037.5', which is no number where ',' sets off decimals"
    ):
        read_design(path, "y", decimal=",")


@pytest.mark.parametrize("first", ['"",', ""])
def test_names_of_rows_as_r_writes_them_are_left_out(write: Write, first: str) -> None:
    path = write(f'{first}"size","age"\n"1",170,65\n"2",180,80\n"3",165,60\n')
    design = read_design(path, "age")
    assert (design.feature_names, design.index) == (("size",), ("",))
    assert design.x.ravel().tolist() == [170, 180, 165]
