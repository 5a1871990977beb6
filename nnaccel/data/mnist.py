"""MNIST: looked for on this machine, else downloaded once."""

from __future__ import annotations

from pathlib import Path

from nnaccel.data.idx_images import IdxImages, Pair

#: Asked in this order.
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

#: The four files and the SHA-256 of what they hold: gzip wrappers of the same data differ.
CHECKSUMS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def mnist(
    path: str | Path | None = None, *, download: bool = True, timeout: float = 60.0
) -> tuple[Pair, Pair]:
    """Load MNIST: 70,000 handwritten digits of 28 by 28 pixels.

    The four IDX files, gzipped or not, or an ``mnist.npz`` with ``x_train, y_train, x_test,
    y_test``, are looked for in the folder ``NNACCEL_DATA`` and in the user's cache, each time in
    ``mnist/`` below it and directly in it. Failing that they are downloaded into the cache,
    verified by their checksums.

    Parameters
    ----------
    path : str or Path, optional
        A folder or an ``.npz`` file. Only this place is looked in then, and other data of the
        same shape, such as Fashion-MNIST, is welcome.
    download : bool
        Whether to download what is not on this machine.
    timeout : float
        Seconds that the download may take in all.

    Returns
    -------
    (x, y) : ndarray of uint8, shape (60000, 28, 28), and ndarray of int64, shape (60000,)
        Training images, 0 the paper and 255 the ink, and labels 0 … 9.
    (x_test, y_test) : ndarray of uint8, shape (10000, 28, 28), and ndarray of int64, shape (10000,)
        Test images and labels.

    Raises
    ------
    DataNotFoundError
        MNIST is nowhere; the message names every place and what to do.
    DataError
        The files are there but damaged or not what they should be.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86 (11), 1998.

    Examples
    --------
    >>> from nnaccel.data import mnist
    >>> (x, y), (x_test, y_test) = mnist()  # doctest: +SKIP
    >>> x.shape, x.dtype.name, y.shape  # doctest: +SKIP
    ((60000, 28, 28), 'uint8', (60000,))
    """
    advice = (
        " Or take digits that need no download: nn.data.digits(), in the examples --data digits, "
        "nnaccel train digits."
    )
    return IdxImages("MNIST", "mnist", MIRRORS, CHECKSUMS, True, advice).load(
        path, download, timeout
    )
