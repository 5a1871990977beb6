"""Your own data in .csv files, good and hostile; names and paths."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnaccel.data import DataError, DataNotFoundError, load, load_named

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
    order = np.argsort(dataset.x[:, 0])
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
        ("1\t2\t7\n3\t4\t5", [[1, 2], [3, 4]], [7, 5], tuple("01234567")),
        ('u,"a, b",class\n1, 2, "b\nc"\n3,4,a', [[1, 2], [3, 4]], [1, 0], ("a", "b\nc")),
        ("1,2,0.5\n3,4,1\n", [[1, 2], [3, 4]], [0.5, 1], ()),
        ("1,2,1.0\n3,4,01\n", [[1, 2], [3, 4]], [1, 1], ("0", "1")),
        ("1,2,90000\n3,4,1000\n", [[1, 2], [3, 4]], [1, 0], ("1000", "90000")),
    ],
)
def test_csv(csv, text, x, y, classes):
    assert whole(csv(text)) == (x, y, classes)


def test_csv_many_whole_numbers_are_values(csv):
    dataset = load(csv("\n".join(f"{i},{i * 7}" for i in range(2000))))
    assert dataset.classes == ()
    assert dataset.y.dtype == np.float32
    assert (len(dataset.y), len(dataset.y_test)) == (1600, 400)


def test_classes_of_a_trained_model(csv):
    assert whole(csv("1,c\n2,a\n"), classes=("a", "b", "c"))[1:] == ([2, 0], ("a", "b", "c"))
    assert whole(csv("1,2\n2,0\n"), classes=("a", "b", "c"))[1:] == ([2, 0], ("a", "b", "c"))
    assert whole(csv("1,7\n2,5\n"), classes=("-5", "5", "7"))[1] == [2, 1]
    for text in ("1,d\n2,a\n", "1,3\n2,0\n"):
        with pytest.raises(DataError, match=r"has the label '[d3]'; the classes are"):
            load(csv(text), classes=("a", "b", "c"))
    with pytest.raises(DataError, match="values to predict"):
        load(csv("1,0.5\n2,0\n"), classes=("a", "b"))


BAD_CSV = {
    "empty": ("", "is empty"),
    "blank": ("\n\n", "is empty"),
    "header only": ("u,v,class\n", "a header and no rows"),
    "one column": ("1\n2\n", "has one column"),
    "ragged": ("u,v,class\n1,2,a\n1,a\n", "row 3 has 2 cells; the first row has 3"),
    "text": ("u,v,class\n1,2,a\n1,x,a\n", "row 3, column 'v' holds 'x', not a number"),
    "text, no header": ("1,2,a\nx,2,a\n", "row 2, column '1' holds 'x'"),
    "blank cell": ("u,v,class\n1, ,a\n", "row 2, column 'v' is blank"),
    "blank label": ("u,v,class\n1,2,\n", "row 2, column 'class' is blank"),
    "nan": ("u,v,class\n1,2,a\n\n1,NaN,a\n", "row 4, column 'v' is nan"),
    "infinity": ("class,u,v\n1,2,-inf\n", "row 2, column 'v' is -inf"),
    "nan label": ("u,v,class\n1,2,nan\n", "row 2, column 'class' is nan"),
    "beyond float32": ("u,v,class\n1,1e39,1\n", "row 2, column 'v' is inf, not a finite float32"),
    "label beyond float32": ("1,2,1e39\n1,2,1\n", r"is 1e\+39, not a finite float32"),
    "quote": ('1,2,a\n1,"2,a\n', "not a well-formed CSV"),
    "long field": ("1,2,a\n1," + "2" * 200_000 + ",a\n", "not a well-formed CSV"),
    "binary": (b"\x89PNG\r\n\x1a\n\xff\xfe", "not UTF-8 text"),
    "too few": ("1,2,a\n1,2,b\n", "2 rows: too few"),
}


@pytest.mark.parametrize("case", BAD_CSV)
def test_bad_csv(csv, case):
    text, words = BAD_CSV[case]
    path = csv(text)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}.*{words}"):
        load(path)


def test_csv_over_the_bound(csv):
    with pytest.raises(DataError, match="more than the bound 10"):
        load(csv("1,2,a\n" * 9), max_bytes=10)


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
