"""The embedded data sets: forms, ranges, and a split that never changes."""

from __future__ import annotations

import numpy as np
import pytest

from nnaccel.data import digits, iris, load_named


def test_digits():
    (x, y), (x_test, y_test) = digits()
    assert (x.shape, x_test.shape) == ((1438, 8, 8), (359, 8, 8))
    assert (x.dtype, y.dtype) == (np.uint8, np.int64)
    assert (x.min(), x.max()) == (0, 255)
    assert len(np.unique(x)) == 17
    assert set(y) == set(y_test) == set(range(10))
    assert np.ptp(np.bincount(y_test)) <= 3


def test_iris():
    (x, y), (x_test, y_test) = iris()
    assert (x.shape, x_test.shape) == ((120, 4), (30, 4))
    assert (x.dtype, y.dtype) == (np.float32, np.int64)
    assert np.bincount(y).tolist() == [40, 40, 40]
    assert np.bincount(y_test).tolist() == [10, 10, 10]
    assert len(set(y[:20])) == 3  # shuffled: the file itself is sorted by species


@pytest.mark.parametrize("loader", [digits, iris])
def test_rows_are_those_of_scikit_learn(loader):
    from sklearn import datasets

    bunch = {digits: datasets.load_digits, iris: datasets.load_iris}[loader]()
    (x, y), (x_test, y_test) = loader()
    scale = 255 / 16 if loader is digits else 1
    ours = np.concatenate([x, x_test]).reshape(len(bunch.data), -1)
    labels = np.concatenate([y, y_test])
    theirs = bunch.data * scale
    ours_sorted = np.lexsort((*ours.T, labels))
    theirs_sorted = np.lexsort((*np.rint(theirs).T, bunch.target))
    np.testing.assert_array_equal(labels[ours_sorted], np.sort(bunch.target))
    if loader is digits:
        np.testing.assert_array_equal(ours[ours_sorted], np.rint(theirs)[theirs_sorted])
    else:
        np.testing.assert_allclose(np.sort(ours, axis=0), np.sort(theirs, axis=0), rtol=1e-6)


@pytest.mark.parametrize(("loader", "name"), [(digits, "digits"), (iris, "iris")])
def test_split_is_always_the_same_and_has_names(loader, name):
    one, two = loader(), load_named(name)
    for (x, y), (same_x, same_y) in zip(one, two, strict=True):
        np.testing.assert_array_equal(x, same_x)
        np.testing.assert_array_equal(y, same_y)
    assert len(two.classes) == 1 + two.y.max()
