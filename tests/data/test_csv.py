"""Your own data in .csv files, good and hostile; names and paths."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnaccel.data import (
    DataError,
    DataNotFoundError,
    load,
    load_named,
    read_design,
    read_inputs,
)
from nnaccel.data.csvnumbers import grouped_value

from .samples import load_or_refuse


@pytest.fixture
def csv(tmp_path):
    """Write a CSV file and give its path: `csv(text)`."""

    def write(text: str | bytes):
        path = tmp_path / "table.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def whole(path, **options):
    """All rows of a file, in ascending order of the first feature."""
    dataset = load(path, test_fraction=0, **options)
    order = np.lexsort(dataset.x.T[::-1])
    return dataset.x[order].tolist(), dataset.y[order].tolist(), dataset.classes


@pytest.mark.parametrize(
    ("text", "x", "y", "classes"),
    [
        ("1,2,b\n3,4,a\n", [[1, 2], [3, 4]], [1, 0], ("a", "b")),
        ("u,v,kind\n1,2,b\n3,4,a\n", [[1, 2], [3, 4]], [1, 0], ("a", "b")),
        ("\ufeffLabel,u,v\r\nb,1,2\r\n\r\na,3,4\r\n", [[1, 2], [3, 4]], [1, 0], ("a", "b")),
        ("label,0,1\n1,2,3\n0,4,5\n", [[2, 3], [4, 5]], [1, 0], ("0", "1")),
        ("y,target,v\n1,0,2\n3,1,4\n", [[1, 2], [3, 4]], [0, 1], ("0", "1")),
        ("u;v;class\n1;2;-1\n3;4;1\n", [[1, 2], [3, 4]], [0, 1], ("-1", "1")),
        ("1\t2\t7\n3\t4\t5", [[1, 2], [3, 4]], [1, 0], ("5", "7")),
        ('u,"a, b",class\n1, 2, "b\nc"\n3,4,a', [[1, 2], [3, 4]], [1, 0], ("a", "b\nc")),
        ("1,2,0.5\n3,4,1\n", [[1, 2], [3, 4]], [0.5, 1], ()),
        ("1,2,1.0\n3,4,01\n5,6,2", [[1, 2], [3, 4], [5, 6]], [0, 0, 1], ("1", "2")),
        ("1,2,90000\n3,4,1000\n", [[1, 2], [3, 4]], [1, 0], ("1000", "90000")),
        ("sep=;\r\nu;v;kind\r\n1,5;2;b\r\n3;4;a\r\n", [[1.5, 2], [3, 4]], [1, 0], ("a", "b")),
        ("u;v;kind\n1,5;,25;b\n3;4;a\n", [[1.5, 0.25], [3, 4]], [1, 0], ("a", "b")),
        ("1,5;2,5;b\n3,5;4,5;a\n", [[1.5, 2.5], [3.5, 4.5]], [1, 0], ("a", "b")),
        ("u,v,kind\n1,2,b\n?,7,a\n3,4,a\n", [[1, 2], [3, 4]], [1, 0], ("a", "b")),
        ("town,v,y\nX,2,b\nY,3,a\nX,4,a\n", [[0, 2], [0, 4], [1, 3]], [1, 0, 0], ("a", "b")),
    ],
)
def test_csv(csv, text, x, y, classes):
    assert whole(csv(text)) == (x, y, classes)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_train_reads_a_table_as_regress_does(csv, separator):
    rows = [f"{i % 7}.5,{'pqr'[i % 3]},{i % 2 + 3},{i % 4}" for i in range(24)]
    path = csv("\n".join(["a,b,code,y", *rows]).replace(",", separator))
    design = read_design(path, "y", text=["code"])
    dataset = load(path, text=["code"], test_fraction=0)
    assert dataset.schema.feature_names == design.feature_names == ("a", "b[q]", "b[r]", "code[4]")
    assert sorted(dataset.x.tolist()) == sorted(design.x.tolist())


INDEXES = {
    "no name": (",u,v,kind", "the first column has no name"),
    "pandas": ("Unnamed: 0,u,v,kind", "column 'Unnamed: 0' is an index"),
    "numbers of rows": ("id,u,v,kind", "column 'id' numbers the rows"),
}


@pytest.mark.parametrize("case", INDEXES)
@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("step", [1, 7])
def test_an_index_is_left_out_and_told(csv, case, start, step):
    header, words = INDEXES[case]
    index = [start + i * step % 20 for i in range(20)]  # in order, or shuffled
    rows = [f"{index[i]},{i % 7},{i % 3},{'ab'[i // 10]}" for i in range(20)]
    path = csv("\n".join([header, *rows]))
    dataset = load(path, test_fraction=0)
    assert dataset.schema.feature_names == ("u", "v")
    assert dataset.notes[0] == f"{words} and is left out (--keep-index keeps it)"
    kept = load(path, test_fraction=0, keep_index=True)
    assert kept.schema.feature_names == (header.split(",")[0] or "index", "u", "v")
    assert sorted(kept.x[:, 0]) == [*range(start, 20 + start)]


def test_numbers_of_rows_are_kept_where_there_is_nothing_else(csv):
    dataset = load(csv("t,y\n" + "".join(f"{i},{i * 0.5}\n" for i in range(20))))
    assert dataset.schema.feature_names == ("t",)
    near = "".join(f"{i + (i > 9)},{i % 2},{'ab'[i % 2]}\n" for i in range(20))
    assert load(csv("dose,u,kind\n" + near)).schema.feature_names == ("dose", "u")
    few = "".join(f"{i},{i % 2},{'ab'[i % 2]}\n" for i in range(9))
    assert load(csv("dose,u,kind\n" + few)).schema.feature_names == ("dose", "u")


def test_the_label_is_guessed_and_told_or_chosen(csv):
    rows = "".join(f"{i % 5},{i % 2},{'xy'[i % 2]},{i / 4}\n" for i in range(20))
    path = csv("a,Target,b,c\n" + rows)
    said = "(--label and --task say otherwise)"
    guessed = load(path)
    assert guessed.schema.label == "Target"
    assert guessed.notes == (f"the label is 'Target', by its name: 2 classes {said}",)
    chosen = load(path, label="c", drop=["Target"])
    assert (chosen.classes, chosen.schema.feature_names) == ((), ("a", "b[y]"))
    last = load(csv("a,b,c\n" + "".join(f"{i % 5},{i / 4},{i % 2}\n" for i in range(20))))
    assert last.notes == (f"the label is 'c', the last column: 2 classes {said}",)
    without = csv("".join(f"{i % 2},{i / 4},{i % 5}.5\n" for i in range(20)))
    dataset = load(without, label="1")
    assert (dataset.classes, dataset.schema.feature_names) == (("0", "1"), ("2", "3"))
    assert dataset.notes[0].startswith("the first row is one of data, and columns are called 1, 2")
    for options, words in (
        ({"label": "d"}, "unknown column 'd'"),
        ({"label": "c", "drop": ["c"]}, "is the label: it cannot be left out"),
        ({"drop": ["a", "b"]}, "has one column; features and a label"),
        ({"task": "guess"}, "unknown task 'guess'"),
    ):
        with pytest.raises(ValueError, match=words):
            load(csv("a,b,c\n1,2,x\n3,4,y\n"), **options)


def test_whole_numbers_are_classes_if_they_are_few(csv):
    ages = csv("u,age\n" + "".join(f"{i % 9},{20 + i % 61}\n" for i in range(240)))
    dataset = load(ages)
    assert (dataset.classes, dataset.y.dtype) == ((), np.float32)
    assert "61 different whole numbers, which are predicted as such" in dataset.notes[-1]
    named = load(ages, task="classify")
    assert (named.classes, named.y.min()) == (tuple(map(str, range(20, 81))), 0)
    two = csv("u,cls\n" + "".join(f"{i % 9},{1 + i % 2}\n" for i in range(24)))
    assert load(two).classes == ("1", "2")
    assert set(load(two).y) == {0, 1}
    assert load(two, task="regress").classes == ()
    halves = csv("u,v\n" + "".join(f"{i % 9},{i % 2 / 2}\n" for i in range(24)))
    assert load(halves).classes == ()
    assert load(halves, task="classify").classes == ("0", "0.5")


def test_columns_are_taken_by_their_names(csv):
    rows = [(f"{i % 7}", f"{i % 3}", "pqr"[i % 3], "ab"[i % 2]) for i in range(40)]
    trained = load(csv("\n".join(["u,v,t,kind", *map(",".join, rows)])), test_fraction=0)
    turned = [f"9;{kind};{t};{v};{u}" for u, v, t, kind in rows[1:]]
    path = csv("\n".join(["extra;kind;t;v;u", *turned]))
    again = load(path, schema=trained.schema, classes=trained.classes, test_fraction=0)
    assert again.notes == ("passed over is what the model was not trained on: 'extra'",)
    assert again.schema.feature_names == ("u", "v", "t[q]", "t[r]")
    pairs = [
        sorted(zip(each.x.tolist(), each.y.tolist(), strict=True)) for each in (again, trained)
    ]
    first = ([0.0, 0.0, 0.0, 0.0], 0)
    pairs[1].remove(first)
    assert pairs[0] == pairs[1]
    inputs = read_inputs(csv("v,t,u\n2,r,6\n,q,5\n1,q,3\n"), trained.schema)
    assert inputs.x.tolist() == [[6, 2, 0, 1], [3, 1, 1, 0]]
    assert (inputs.lines, inputs.incomplete) == ((2, 4), (3,))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("v,t,kind\n1,p,a\n", "lacks the column 'u', which the model was trained on; it has 'v'"),
        ("1,2,p,a\n3,4,q,b\n", "lacks the column 'u' and 3 more"),
        ("u,v,t,kind\n1,2,s,a\n", "row 2, column 't' holds 's', which .* knows p, q"),
        ("u,v,t,kind\n1,2,p,a\nfar,2,p,a\nnear,3,q,b\n", "row 3, column 'u' holds 'far'; the"),
        ("u,v,t,kind\n1,2,p,c\n", "has the label 'c'; the classes are a, b"),
        ("u,v,t,kind\n1,2,p,0\n1,2,p,1\n", "has the label '0'; the classes are a, b"),
        ("u,v,t,kind\n1,,p,a\n", "no row is complete"),
    ],
)
def test_what_training_did_not_see_is_refused(csv, text, words):
    rows = [f"{i % 7},{i % 3},{'pq'[i % 3 > 1]},{'ab'[i % 2]}" for i in range(20)]
    trained = load(csv("\n".join(["u,v,t,kind", *rows])))
    with pytest.raises(DataError, match=words):
        load(csv(text), schema=trained.schema, classes=trained.classes, test_fraction=0)
    with pytest.raises(ValueError, match="leave out label: the schema says"):
        load(csv(text), schema=trained.schema, label="u")


def test_rows_that_lack_a_value_are_left_out_and_told(csv):
    rows = [f"{'' if i == 3 else i % 7},{'NA' if i in (3, 5) else i % 3},{'ab'[i % 2]}"
            for i in range(20)]  # fmt: skip
    dataset = load(csv("\n".join(["u,v,kind", *rows])), test_fraction=0)
    assert len(dataset.y) == 18
    assert dataset.notes[-1] == "2 rows are left out, which lack a value; 'v' lacks most, 2"


def test_text_that_does_not_vary_is_left_out_and_told(csv):
    rows = [f"{i % 7},same,{'ab'[i % 2]}" for i in range(20)]
    dataset = load(csv("\n".join(["u,t,kind", *rows])))
    assert dataset.schema.feature_names == ("u",)
    assert dataset.notes[0] == "column 't' is 'same' in every row and is left out"


def test_columns_are_standardised_by_the_training_rows(csv):
    rng = np.random.default_rng(0)
    when, small = 1.6e9 + rng.integers(0, 100, 200), rng.normal(0, 1e-6, 200)
    y = when - 1.6e9 + 1e6 * small
    cells = zip(when, small, ["pq"[i % 2] for i in range(200)], y, strict=True)
    path = csv("when,small,t,same,y\n" + "".join(f"{a},{b},{t},7,{c}\n" for a, b, t, c in cells))
    dataset = load(path, standardize=True)
    for values, wanted in ((dataset.x[:, :2], (0, 1)), (dataset.y, (0, 1))):
        np.testing.assert_allclose(values.mean(0), wanted[0], atol=1e-5)
        np.testing.assert_allclose(values.std(0), wanted[1], atol=1e-5)
    assert len(set(dataset.x[:, 0])) > 70  # seconds are told apart, which float32 does not do
    assert set(dataset.x[:, 2]) == {0, 1}
    assert set(dataset.x[:, 3]) == {0}
    assert dataset.notes[-1].startswith("columns, the label's too, are brought to mean 0")
    again = load(path, schema=dataset.schema, scaling=dataset.scaling, task="regress")
    np.testing.assert_array_equal(again.x_test, dataset.x_test)
    np.testing.assert_array_equal(again.y_test, dataset.y_test)
    assert again.scaling.unscaled(again.y_test).max() == pytest.approx(y.max(), rel=0.1)


def test_classes_of_a_trained_model(csv):
    assert whole(csv("1,c\n2,a\n"), classes=("a", "b", "c"))[1:] == ([2, 0], ("a", "b", "c"))
    assert whole(csv("1,2\n2,0\n"), classes=("a", "b", "c"))[1:] == ([2, 0], ("a", "b", "c"))
    assert whole(csv("1,7\n2,5\n"), classes=("-5", "5", "7"))[1] == [2, 1]
    for text, classes in (("1,d\n2,a\n", "abc"), ("1,3\n2,0\n", "abc"), ("1,0\n2,3\n", "123")):
        with pytest.raises(DataError, match=r"has the label '[d30]'; the classes are"):
            load(csv(text), classes=tuple(classes))
    with pytest.raises(DataError, match=r"has the label '0.5'"):
        load(csv("1,0.5\n2,0\n"), classes=("a", "b"))


BAD_CSV = {
    "empty": ("", "is empty"),
    "blank": ("\n\n", "is empty"),
    "header only": ("u,v,class\n", "a header and no rows"),
    "one column": ("1\n2\n", "has one column"),
    "ragged": ("u,v,class\n1,2,a\n1,a\n", "row 3 has 2 cells where most rows have 3"),
    "second row too long": ("u,v\n1,2,3\n1,a\n2,b\n", "row 2 has 3 cells where most rows have 2"),
    "misspelt": (
        "u,v,class\n" + "1,2,a\n" * 6 + "1,x,a\n",
        "column 'v' is of numbers but for 1 of its 7 cells, the first 'x' in row 8",
    ),
    "blank cell": ("u,v,class\n1, ,a\n", "no row is complete; column 'v' alone lacks 1"),
    "blank label": ("u,v,class\n1,2,\n", "no row is complete; column 'class' alone lacks 1"),
    "infinity": ("class,u,v\n1,2,-inf\n", "row 2, column 'v' is -inf"),
    "beyond float32": ("u,v,class\n1,1e39,1\n", "row 2, column 'v' is 1e39, not a finite float32"),
    "label beyond float32": ("1,2,1e39\n1,2,1\n", r"is 1e\+39, not a finite float32"),
    "text to predict": ("u,class\n1,a\n2,b\n", "holds text, 'a', where numbers are", "regress"),
    "one class": ("u,class\n1,a\n2,a\n", "is 'a' in every row: there is nothing to learn"),
    "constant text": ("t,class\na,1\na,2\n", "no column that varies besides the label 'class'"),
    "a class a row": (
        "u,class\n" + "".join(f"{i % 7},c{i}\n" for i in range(300)),
        "has 300 different values in 300 rows, too many for classes: choose another column",
    ),
    "an identifier": (
        "u,id,class\n" + "".join(f"{i % 7},c{i},{i % 2}\n" for i in range(300)),
        "column 'id' is text .* leave it out with --drop 'id'",
    ),
    "two columns of one name": ("u,u,class\n1,2,a\n3,4,b\n", "columns 1 and 2 are both named"),
    "marks": ("u;v;class\n1;1.037;a\n2;900;b\n", "row 2, column 'v' holds '1.037', whose point"),
    "parentheses": (
        "u,class\n" + "".join(f"{'(5)' if i % 3 else i},{i % 2}\n" for i in range(9)),
        r"row 3, column 'u' holds '\(5\)': .* -5, or take the column as text: .* --text 'u'",
    ),
    "quote": ('1,2,a\n1,"2,a\n', "not a well-formed CSV"),
    "long field": ("1,2,a\n1," + "2" * 200_000 + ",a\n", "not a well-formed CSV"),
    "binary": (b"\x89PNG\r\n\x1a\n\xff\xfe", "not UTF-8 text"),
    "too few": ("1,2,a\n1,2,b\n", "2 rows: too few"),
}


@pytest.mark.parametrize("case", BAD_CSV)
def test_bad_csv(csv, case):
    text, words, *task = BAD_CSV[case]
    path = csv(text)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}.*{words}"):
        load(path, task=task[0] if task else None)


def test_csv_over_the_bound(csv):
    with pytest.raises(DataError, match="more than the bound 10"):
        load(csv("1,2,a\n" * 9), max_bytes=10)


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(st.binary(max_size=60) | st.text("0123456789.,;-\n\"' aelNn", max_size=60))
def test_csv_any_text_loads_or_is_a_data_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    dataset = load_or_refuse(path)
    assert dataset is None or np.isfinite(dataset.x).all()


def test_load_named_takes_paths(csv):
    assert load_named(csv("1,2,a\n" * 5 + "1,2,b\n" * 5)).classes == ("a", "b")


@pytest.mark.parametrize("name", ["mnits", "digit", "irsi"])
def test_unknown_name_has_the_nearest_match(name):
    right = {"m": "mnist", "d": "digits", "i": "iris"}[name[0]]
    with pytest.raises(DataError, match=f"Did you mean '{right}'"):
        load_named(name)


def test_other_files(tmp_path):
    with pytest.raises(DataError, match=r"must end in \.npz or \.csv"):
        load(tmp_path / "a.xlsx")
    with pytest.raises(DataNotFoundError, match="no such file"):
        load_named(tmp_path / "a.csv")
    with pytest.raises(ValueError, match="test_fraction must be in"):
        load(tmp_path / "a.csv", test_fraction=1)


def test_no_thousands_begin_with_a_zero() -> None:
    """0.500 is a half, or no number where a comma sets off decimals, but not 500."""
    for decimal, cell in ((",", "0.500"), (".", "0,500"), (",", "-01.000")):
        with pytest.raises(ValueError, match="0"):
            grouped_value(decimal)(cell)
    assert grouped_value(",")("1.500,5") == 1500.5
    assert grouped_value(".")("-12,500") == -12500
