"""Fashion-MNIST and KMNIST: harder data sets in the form of MNIST."""

from __future__ import annotations

from pathlib import Path

from nnaccel.data.idx_images import IdxImages, Pair

FASHION_CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
KMNIST_CLASSES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")

#: The MD5 sums of the gzipped files are those that their authors, or torchvision, publish.
FASHION = IdxImages(
    "Fashion-MNIST",
    "fashion_mnist",
    (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    {
        "train-images-idx3-ubyte": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte": "md5:25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte": "md5:bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte": "md5:bb300cfdad3c16e7a12a480ee83cd310",
    },
)
KMNIST = IdxImages(
    "KMNIST",
    "kmnist",
    ("https://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    {
        "train-images-idx3-ubyte": "md5:bdb82020997e1d708af4cf47b453dcf7",
        "train-labels-idx1-ubyte": "md5:e144d726b3acfaa3e44228e80efcd344",
        "t10k-images-idx3-ubyte": "md5:5c965bf0a639b31b8f53240b1b52f4d7",
        "t10k-labels-idx1-ubyte": "md5:7320c461ea6c1c855c0b718fb2a4b134",
    },
)


def fashion_mnist(
    path: str | Path | None = None, *, download: bool = True, timeout: float = 60.0
) -> tuple[Pair, Pair]:
    """Load Fashion-MNIST: 70,000 pictures of clothes of 28 by 28 pixels, in ten classes.

    Parameters
    ----------
    path, download, timeout
        As for `mnist`, except that files are looked for in folders called ``fashion_mnist`` alone,
        and in `path` itself.

    Returns
    -------
    (x, y), (x_test, y_test)
        As of `mnist`.

    Raises
    ------
    DataNotFoundError, DataError
        As of `mnist`.

    References
    ----------
    H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
    learning algorithms", 2017.

    Examples
    --------
    >>> from nnaccel.data import fashion_mnist
    >>> (x, y), (x_test, y_test) = fashion_mnist()  # doctest: +SKIP
    """
    return FASHION.load(path, download, timeout)


def kmnist(
    path: str | Path | None = None, *, download: bool = True, timeout: float = 60.0
) -> tuple[Pair, Pair]:
    """Load KMNIST: 70,000 cursive Japanese characters of 28 by 28 pixels, in ten classes.

    Parameters
    ----------
    path, download, timeout
        As for `mnist`, except that files are looked for in folders called ``kmnist`` alone, and in
        `path` itself.

    Returns
    -------
    (x, y), (x_test, y_test)
        As of `mnist`.

    Raises
    ------
    DataNotFoundError, DataError
        As of `mnist`.

    References
    ----------
    T. Clanuwat et al., "Deep learning for classical Japanese literature", 2018.

    Examples
    --------
    >>> from nnaccel.data import kmnist
    >>> (x, y), (x_test, y_test) = kmnist()  # doctest: +SKIP
    """
    return KMNIST.load(path, download, timeout)
