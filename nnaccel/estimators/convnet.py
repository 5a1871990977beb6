"""Convolutional networks for images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnaccel._validate import whole_number
from nnaccel.estimators import _checked
from nnaccel.estimators._hidden import activation_of, dense_layers
from nnaccel.estimators._network_classifier import ClassifierNetwork
from nnaccel.layers import Conv2D, Layer, MaxPool2D
from nnaccel.optim import Optimizer


class ConvNetClassifier(ClassifierNetwork):
    """Convolutional network for images, trained by mini-batch gradient descent.

    Each number of `filters` is a convolution that keeps the image's size, with max pooling; dense
    layers follow. uint8 images are pixels and are divided by 255. Other numbers are not scaled:
    float64 is computed in float64, all else in float32.

    Parameters
    ----------
    filters : sequence of int, default (32, 64)
        Filters of each convolution.
    kernel_size : int, default 3
        Side of the filters.
    pool_size : int, default 2
        Side of the pooling window; 1 for no pooling.
    hidden_layer_sizes : sequence of int, default (128,)
        Units of the dense layers after the convolutions.
    image_shape : tuple of int, optional
        (H, W) or (C, H, W) of images given as rows. By default a row whose length is a square
        number is a square image, any other an image of one line.
    batch_size : int or 'auto', default 'auto'
        Rows in a step; 'auto' means 128, or all if there are fewer.
    max_iter : int, default 50
        Most epochs.
    n_iter_no_change : int, default 5
        Epochs without improvement before training stops.
    activation, solver, alpha, l1, dropout, learning_rate_init, shuffle, random_state, tol, verbose
        As for `MLPClassifier`.
    warm_start, early_stopping, validation_fraction, loss, output_activation, class_weight
        As for `MLPClassifier`.

    Attributes
    ----------
    classes_, model_, loss_curve_, validation_scores_, …
        As of `MLPClassifier`.

    Raises
    ------
    ValueError
        If data or a parameter cannot be used.
    DivergenceError
        If the loss becomes NaN or infinite.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86 (11), 1998.

    Examples
    --------
    >>> from nnaccel.data import digits
    >>> (x, y), (x_test, y_test) = digits()
    >>> model = ConvNetClassifier((8, 16), tol=0.02, random_state=0).fit(x, y)
    >>> bool(model.score(x_test, y_test) > 0.9)
    True
    """

    _auto_batch = 128
    _building = (
        *ClassifierNetwork._building,
        "filters",
        "kernel_size",
        "pool_size",
        "image_shape",
    )
    # scikit-learn's other settings of networks, constant here.
    learning_rate, power_t, momentum, nesterovs_momentum = "constant", 0.5, 0.9, True
    beta_1, beta_2, epsilon = 0.9, 0.999, 1e-8

    def __init__(
        self,
        filters: Sequence[int] = (32, 64),
        *,
        kernel_size: int = 3,
        pool_size: int = 2,
        hidden_layer_sizes: int | Sequence[int] = (128,),
        image_shape: Sequence[int] | None = None,
        activation: str = "relu",
        solver: str | Optimizer = "adam",
        alpha: float = 0.0001,
        l1: float = 0.0,
        dropout: float = 0.0,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 50,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        loss: str = "auto",
        output_activation: str = "auto",
        class_weight: Any = None,
    ) -> None:
        self.filters = filters
        self.kernel_size = kernel_size
        self.pool_size = pool_size
        self.hidden_layer_sizes = hidden_layer_sizes
        self.image_shape = image_shape
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.l1 = l1
        self.dropout = dropout
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.loss = loss
        self.output_activation = output_activation
        self.class_weight = class_weight

    def _as_rows(self, X: Any) -> tuple[Any, tuple[int, ...]]:
        """Return images as rows, and the shape of an image; () if rows are given."""
        shape = _checked.shape_of(X)
        if len(shape) > 4:
            raise ValueError(
                f"X has shape {shape}; expected images (N, H, W) or (N, C, H, W), or rows"
            )
        return _checked.images_as_rows(X)

    def _checks(self) -> dict[str, Any]:
        return {"dtype": "numeric"}

    def _shaped(self, x: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """Return rows as images (N, C, H, W) of the given shape; whole numbers stay so."""
        shape = shape or self._row_shape(x.shape[1])
        return x.reshape(len(x), *(shape if len(shape) == 3 else (1, *shape)))

    def _row_shape(self, size: int) -> tuple[int, ...]:
        """Shape of an image given as a row of `size` numbers."""
        if self.image_shape is not None:
            shape = tuple(whole_number("image_shape", side) for side in self.image_shape)
            if len(shape) not in (2, 3) or math.prod(shape) != size:
                raise ValueError(
                    f"image_shape={self.image_shape!r} does not fit rows of {size} numbers: "
                    "expected (H, W) or (C, H, W) with that product"
                )
            return shape
        side = math.isqrt(size)
        return (side, side) if side * side == size else (1, size)

    def _hidden_layers(self, input_shape: tuple[int, ...]) -> list[Layer]:
        """Convolutions with their poolings, then the dense layers."""
        taps = whole_number("kernel_size", self.kernel_size)
        pool = whole_number("pool_size", self.pool_size)
        height, width = input_shape[-2:]
        made: list[Layer] = []
        for count in np.atleast_1d(np.asarray(self.filters, object)):
            made.append(
                Conv2D(
                    whole_number("filters", count),
                    taps,
                    activation_of(self.activation),
                    padding="same",
                )
            )
            # The window of a small image is the image.
            window = min(pool, height), min(pool, width)
            if max(window) > 1:
                made.append(MaxPool2D(window))
                height, width = height // window[0], width // window[1]
        dense = dense_layers(self.hidden_layer_sizes, self.activation, self.dropout)
        return [*made, *dense]
