"""The two small data sets that come inside scikit-learn; nothing is downloaded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nnaccel.data.dataset import split

_Digits = tuple[NDArray[np.uint8], NDArray[np.int64]]
_Iris = tuple[NDArray[np.float32], NDArray[np.int64]]

IRIS_CLASSES = ("setosa", "versicolor", "virginica")


def digits() -> tuple[_Digits, _Digits]:
    """Load 1,797 handwritten digits of 8 by 8 pixels.

    The grey levels 0 … 16 are stretched to 0 … 255. Every fifth row of each class, after a
    shuffle with a fixed seed, is a test row: the split is stratified and always the same.

    Returns
    -------
    (x, y) : ndarray of uint8, shape (1438, 8, 8), and ndarray of int64, shape (1438,)
        Training images and labels 0 … 9.
    (x_test, y_test) : ndarray of uint8, shape (359, 8, 8), and ndarray of int64, shape (359,)
        Test images and labels.

    References
    ----------
    E. Alpaydin, C. Kaynak, "Cascading classifiers", Kybernetika 34 (4), 1998.

    Examples
    --------
    >>> from nnaccel.data import digits
    >>> (x, y), (x_test, y_test) = digits()
    >>> x.shape, x.dtype.name, int(x.max())
    ((1438, 8, 8), 'uint8', 255)
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    return split(x, bunch.target.astype(np.int64))


def iris() -> tuple[_Iris, _Iris]:
    """Load Fisher's 150 irises: sepal length and width, petal length and width, in cm.

    Ten flowers of each species are test rows: the split is shuffled with a fixed seed,
    stratified and always the same. The measurements are not standardised.

    Returns
    -------
    (x, y) : ndarray of float32, shape (120, 4), and ndarray of int64, shape (120,)
        Training flowers; labels 0 setosa, 1 versicolor, 2 virginica.
    (x_test, y_test) : ndarray of float32, shape (30, 4), and ndarray of int64, shape (30,)
        Test flowers and labels.

    References
    ----------
    R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics
    7 (2), 1936.

    Examples
    --------
    >>> from nnaccel.data import iris
    >>> (x, y), (x_test, y_test) = iris()
    >>> x.shape, x_test.shape
    ((120, 4), (30, 4))
    """
    from sklearn.datasets import load_iris

    bunch = load_iris()
    return split(bunch.data.astype(np.float32), bunch.target.astype(np.int64))
