"""Your own data in .npz files, good and hostile."""

from __future__ import annotations

import re
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnaccel.data import DataError, load, load_named

from .samples import load_or_refuse

MIB = 1 << 20
RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype(np.float32)
Y = np.arange(20) % 4


def test_npz_split_already(tmp_path):
    path = tmp_path / "a.npz"
    images = RNG.integers(0, 256, (6, 4, 4), np.uint8)
    np.savez(path, x_train=images, y_train=Y[:6], x_test=images[:2], y_test=Y[:2])
    (x, y), (x_test, y_test) = dataset = load(path)
    np.testing.assert_array_equal(x, images)
    np.testing.assert_array_equal(x_test, images[:2])
    assert (x.dtype, y.dtype) == (np.uint8, np.int64)
    assert (y.tolist(), y_test.tolist()) == ([0, 1, 2, 3, 0, 1], [0, 1])
    assert dataset.classes == ("0", "1", "2", "3")
    assert dataset.name == "a"


def test_npz_table_is_split_by_a_seed(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=np.arange(60.0).reshape(20, 3), y=Y)
    one, same, other = load(path), load(str(path), seed=0), load(path, seed=1)
    assert (len(one.x), len(one.x_test)) == (16, 4)
    assert np.bincount(one.y_test).tolist() == [1, 1, 1, 1]
    rows = np.concatenate([one.x, one.x_test])
    labels = np.concatenate([one.y, one.y_test])
    assert sorted(rows[:, 0]) == list(range(0, 60, 3))
    np.testing.assert_array_equal(rows[:, 0] // 3 % 4, labels)
    np.testing.assert_array_equal(one.x, same.x)
    assert not np.array_equal(one.x, other.x)


@pytest.mark.parametrize("dtype", ["f8", ">f4", "f2", "i2", "u4", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npz_numbers_become_float32(tmp_path, dtype, order):
    x = np.asarray(RNG.integers(0, 2, (10, 3, 2)), dtype, order=order)
    np.savez(tmp_path / "a.npz", x=x, y=Y[:10])
    dataset = load(tmp_path / "a.npz", test_fraction=0)
    assert dataset.x.dtype == np.float32
    assert dataset.x.flags.c_contiguous
    assert len(dataset.x_test) == 0
    assert dataset.x.sum() == x.sum()


def test_npz_text_labels(tmp_path):
    np.savez(tmp_path / "a.npz", x=X[:6], y=np.array(["dog", "cat", "ant"] * 2))
    dataset = load(tmp_path / "a.npz", test_fraction=0)
    assert dataset.classes == ("ant", "cat", "dog")
    assert sorted(dataset.y) == [0, 0, 1, 1, 2, 2]


X4 = {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y}
BAD_ARRAYS = {
    "objects": ({"x": np.array([[1, "a"]], object), "y": [0]}, "'x' holds Python objects"),
    "complex": ({"x": X + 1j, "y": Y}, "'x' holds dtype complex64"),
    "text": ({"x": [["a"]], "y": [0]}, "x holds text"),
    "missing": ({"x_train": X, "y_train": Y, "x_test": X}, "it holds x_train, y_train, x_test"),
    "nothing": ({}, "it holds no arrays"),
    "flat": ({"x": X[:, 0], "y": Y}, r"x has shape \(20,\)"),
    "no rows": ({"x": X[:0], "y": Y[:0]}, r"x has shape \(0, 3\)"),
    "one-hot": ({"x": X, "y": np.eye(4)[Y]}, "save y.argmax"),
    "counts": ({"x": X, "y": Y[:-1]}, "x has 20 rows and y has 19"),
    "widths": ({**X4, "x_test": X[:, :2]}, "differ in the shape"),
    "kinds": ({**X4, "y_test": Y.astype(str)}, "differ in the shape or type"),
    "nan": ({"x": np.where(X[3, 1] == X, np.nan, X), "y": Y}, r"x\[3, 1\] is nan"),
    "beyond float32": (
        {"x": X.astype(float) * 1e300, "y": Y},
        r"x\[0, 0\] is .*e\+299, not a finite float32",
    ),
    "nan label": ({"x": X, "y": np.where(Y == 2, np.nan, Y)}, "label of row 2 is nan"),
    "too few": ({"x": X[:2], "y": Y[:2]}, "too few to set 20% aside"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_npz_of_wrong_arrays(tmp_path, case):
    arrays, words = BAD_ARRAYS[case]
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}.*{words}"):
        load(path)


def npz_with(path, header: str, body: bytes, version: bytes = b"\1\0", **options) -> None:
    """Write an .npz whose x has a hand-made header."""
    text = header.encode()
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr(
            "x.npy", b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text + body
        )
        archive.writestr("y.npy", b"")


def described(shape: str, descr: str = "'|u1'") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}"


BAD_HEADERS = {
    "huge": (described(f"({2**40}, 2)"), "more than 1,073,741,824"),
    "overflow": (described(f"({2**63}, {2**63})"), "more than 1,073,741,824"),
    "longer than the file": (described("(1000, 1000)"), "not what it holds"),
    "shorter than the file": (described("(1, 2)"), "not what it holds"),
    "negative": (described("(-2, -2)"), "not what it holds"),
    "wide text": (described("(1, 1)", "'<U500000000'"), "more than 1,073,741,824"),
    "pickle": (described("(4,)", "'|O'"), "Python objects"),
    "not a dtype": (described("(4,)", "'zzz'"), "is damaged"),
    "code": ("__import__('os').abort()", "is damaged"),
    "deep": ("(" * 5000, "is damaged"),
    "minuses": ("-" * 9000 + "1", "is damaged"),
    "enormous": (" " * 60000 + "{}", "is damaged"),
}


@pytest.mark.parametrize("case", BAD_HEADERS)
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_npz_headers_that_lie(tmp_path, case):
    header, words = BAD_HEADERS[case]
    path = tmp_path / "a.npz"
    npz_with(path, header, b"abcd")
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=f"'x' .*{words}"):
            load(path)
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()


def test_npz_format_version_and_compression(tmp_path):
    path = tmp_path / "a.npz"
    npz_with(path, described("(2, 2)"), b"abcd", version=b"\3\0")
    with pytest.raises(DataError, match=r"format version \(3, 0\)"):
        load(path)
    npz_with(path, described("(2, 2)"), b"abcd", compression=zipfile.ZIP_BZIP2)
    with pytest.raises(DataError, match="a way that NumPy does not write"):
        load(path)


def test_npz_bomb_is_refused_before_it_inflates(tmp_path):
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, x=np.zeros((64, MIB), np.uint8), y=Y)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="more than 1,048,576"):
            load(path, max_bytes=MIB)
        assert tracemalloc.get_traced_memory()[1] < 2 * MIB
    finally:
        tracemalloc.stop()


def test_npz_bomb_of_a_header(tmp_path):
    path = tmp_path / "bomb.npz"
    size = 32 * MIB
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        head = b"\x93NUMPY\2\0" + size.to_bytes(4, "little")
        archive.writestr("x.npy", head + described("(2, 2)").encode() + b" " * size)
        archive.writestr("y.npy", b"")
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="has a header of 33,554,432 bytes: it is damaged"):
            load(path)
        assert tracemalloc.get_traced_memory()[1] < 2 * MIB
    finally:
        tracemalloc.stop()


def peak(path, max_bytes):
    """Bytes that are taken in loading a file, or in refusing it."""
    tracemalloc.start()
    try:
        load_or_refuse(path, max_bytes=max_bytes)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("columns", [1, 30])
@pytest.mark.parametrize(
    ("x_type", "y_type"), [("?", "?"), ("i1", "i1"), ("f2", "i8"), ("u1", "i1")]
)
def test_npz_of_narrow_numbers_takes_no_more_memory_than_of_wide_ones(
    tmp_path, columns, x_type, y_type
):
    rows = MIB // (4 * columns + 8)
    wide, narrow = tmp_path / "wide.npz", tmp_path / "narrow.npz"
    y = np.arange(rows) % 2
    np.savez_compressed(wide, x=np.ones((rows, columns), np.float32), y=y)
    allowed = peak(wide, MIB)
    assert load(wide, max_bytes=MIB).x.shape[1] == columns
    for most in (1, 1.3, 2, 4, 7):  # as many rows as are just accepted, and more
        y = np.arange(int(most * rows)) % 2
        np.savez_compressed(narrow, x=np.ones((len(y), columns), x_type), y=y.astype(y_type))
        assert peak(narrow, MIB) <= 2 * allowed


def test_npz_whole_numbers_are_classes_if_they_are_few_or_have_no_gap(tmp_path):
    path = tmp_path / "a.npz"
    for y, classes in (
        (np.arange(200) % 47, tuple(map(str, range(47)))),
        (1 + np.arange(200) % 2, ("1", "2")),
        (20 + np.arange(200) % 61, ()),
    ):
        np.savez(path, x=RNG.normal(size=(200, 3)), y=y)
        assert load(path).classes == classes
    named = load(path, task="classify")
    assert (len(named.classes), named.y.max()) == (61, 60)
    with pytest.raises(ValueError, match="leave out label: it is for"):
        load(path, label="x")


def test_npz_of_a_class_per_row_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=RNG.normal(size=(300, 3)), y=np.arange(300).astype(str))
    with pytest.raises(DataError, match="300 different values in 300 rows, too many for classes"):
        load(tmp_path / "a.npz")


def test_npz_tables_are_standardised_and_images_are_not(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=RNG.normal(5, [1e-3, 1, 1e3], (200, 3)), y=np.arange(200) % 2)
    table = load(path, standardize=True)
    np.testing.assert_allclose(table.x.std(0), 1, rtol=1e-4)
    assert len(load(path, scaling=table.scaling, test_fraction=0).x) == 200
    with pytest.raises(ValueError, match="the model was trained on 3 columns"):
        load_named("iris", scaling=table.scaling)
    with pytest.raises(ValueError, match="the model was trained on 3 columns"):
        load_named("digits", scaling=table.scaling)
    np.savez(path, x=RNG.integers(0, 256, (20, 3, 3), np.uint8), y=np.arange(20) % 2)
    assert load(path, standardize=True).x.dtype == np.uint8
    np.savez(path, x=RNG.integers(0, 2, (20, 3), np.uint8), y=np.arange(20) % 2)
    assert load(path).x.dtype == np.float32  # a table of flags


@given(st.data())
def test_npz_any_damage_is_a_data_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    (np.savez_compressed if data.draw(st.booleans()) else np.savez)(path, x=X, y=Y)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.sampled_from([len(content), len(content) - 7, 50]))])
    dataset = load_or_refuse(path, max_bytes=MIB)
    assert dataset is None or len(dataset.x) + len(dataset.x_test) == 20


@pytest.mark.parametrize("name", ["mnist", "mnsit"])
def test_a_name_in_place_of_a_file(name):
    with pytest.raises(DataError, match=r"to be loaded; data sets that have a name are nn.data.mn"):
        load(name)
    with pytest.raises(DataError, match=r"to be loaded$"):
        load(f"{name}.txt")
