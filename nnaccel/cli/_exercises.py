"""Small trainings and calls that between them use the kernels that users meet first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from inspect import isabstract
from typing import Any, NamedTuple

import numpy as np

from nnaccel import layers, ops, optim
from nnaccel.backends import asarray, get_backend
from nnaccel.layers import Dense
from nnaccel.layers.penalties import L1L2
from nnaccel.model.architectures import ARCHITECTURES, convolutional
from nnaccel.model.sequential import Sequential
from nnaccel.training.losses import CategoricalCrossentropy
from nnaccel.training.metrics import METRICS, CountingMetric
from nnaccel_kernels.activations import ACTIVATIONS

_ROWS, _BATCH = 40, 16  # the last batch is a smaller one
_VARIANTS = (  # what optimisers do only if asked to
    optim.SGD(0.01, momentum=0.9, nesterov=True),
    optim.RMSprop(momentum=0.9),
    optim.SGD(clipvalue=1.0),
    optim.SGD(clipnorm=1.0),
    optim.SGD(global_clipnorm=1.0),
)
_LOSSES = {
    "categorical_crossentropy": "softmax",
    "binary_crossentropy": "sigmoid",
    "mse": "linear",
}
_ACTIVATIONS = (*(name for name in ACTIVATIONS if name != "linear"), "softmax")
_COUNTED = [name for name, kind in METRICS.items() if issubclass(kind, CountingMetric)]
_ALGORITHMS = ("gemm", "winograd", "im2col", "direct")


class Exercise(NamedTuple):
    """Something to run once, and what to call it meanwhile."""

    name: str
    run: Callable[[], Any]


def exercises(dtype: str) -> list[Exercise]:
    """Return everything that `nnaccel warmup` runs, on the backend in force."""
    return [*_trainings(dtype), *_op_calls(dtype)]


def _trainings(dtype: str) -> Iterator[Exercise]:
    """Networks as `nnaccel train` makes them, and as its users change them."""
    rows, pixels = _random(_ROWS, 20, dtype=dtype), np.zeros((_ROWS, 28, 28), np.uint8)
    labels = np.arange(_ROWS) % 4
    one_hot = np.eye(4, dtype=dtype)[labels]

    def train(hidden: list[Any], x: Any, y: Any, last: str = "softmax", **settings: Any) -> None:
        model = Sequential([*hidden, Dense(4, last)], seed=0, dtype=dtype)
        model.compile(metrics=[] if last == "linear" else _COUNTED, **settings)
        kept = x[:_BATCH], y[:_BATCH]
        model.fit(x, y, batch_size=_BATCH, epochs=1, validation_data=kept, verbose=0)
        model.predict(x)

    def mlp(activation: str = "relu") -> list[Any]:
        return [Dense(8, activation, penalty=L1L2(1e-4, 1e-4)), layers.Dropout(0.2)]

    for optimizer in (*_optimizers(), *_VARIANTS):
        name = f"training with {type(optimizer).__name__}"
        yield Exercise(name, partial(train, mlp(), rows, labels, optimizer=optimizer))
    for loss, last in _LOSSES.items():
        y = np.maximum(one_hot, one_hot[:, ::-1]) if last == "sigmoid" else one_hot
        call = partial(train, mlp(), rows, y, last, loss=loss)
        yield Exercise(f"loss {loss}", call)
    smoothed = CategoricalCrossentropy(label_smoothing=0.1)
    yield Exercise("smoothed labels", partial(train, mlp(), rows, labels, loss=smoothed))
    for activation in _ACTIVATIONS:
        name = f"activation {activation}"
        yield Exercise(name, partial(train, mlp(activation), rows, labels))
    batch_norm = [Dense(8), layers.BatchNorm(), layers.ReLU()]
    yield Exercise("batch normalisation", partial(train, batch_norm, rows, labels))
    layer_norm = [Dense(8), layers.LayerNorm(), layers.ReLU()]
    yield Exercise("layer normalisation", partial(train, layer_norm, rows, labels))
    yield Exercise("branches", partial(train, _branches(), rows, labels))
    yield Exercise("training on pixels", partial(train, [*mlp()], pixels, labels))
    for name in ARCHITECTURES:
        hidden = convolutional(name, dropout=0.2)
        yield Exercise(f"convolutional network {name}", partial(train, hidden, pixels, labels))
    yield Exercise("layers of images", partial(train, _image_layers(), pixels, labels))


def _optimizers() -> Iterator[optim.Optimizer]:
    """Every optimiser that there is, as it is by default."""
    for name in optim.__all__:
        kind = getattr(optim, name)
        if isinstance(kind, type) and issubclass(kind, optim.Optimizer) and not isabstract(kind):
            yield optim.get(name)


def _branches() -> list[Any]:
    """Layers that hold layers, with every way to join them."""
    return [
        Dense(8),
        layers.Residual([Dense(8, "relu")]),
        *(layers.Parallel([Dense(4)], [Dense(4)], join=join) for join in ("multiply", "concat")),
    ]


def _image_layers() -> list[Any]:
    """Every layer of images that the named networks do without."""
    return [
        layers.ZeroPad2D(1),
        layers.Conv2D(8, 3, "relu", stride=2),
        layers.DepthwiseConv2D(3, "relu"),
        layers.BatchNorm(),
        layers.Conv2D(8, 1),
        layers.AvgPool2D(2),
        layers.Conv2DTranspose(8, 3),
        layers.GlobalAvgPool2D(),
    ]


def _op_calls(dtype: str) -> Iterator[Exercise]:
    """Every function of `nnaccel.ops`, forward and backward."""
    draw = partial(_random, dtype=dtype)
    x, w, b, image = (asarray(draw(*shape)) for shape in ((6, 4), (4, 4), (4,), (2, 8, 12, 12)))
    targets = asarray(np.eye(4, dtype=dtype)[np.arange(6) % 4])

    def both(name: str, *args: Any, **settings: Any) -> None:
        y = getattr(ops, name)(*args, **settings)
        getattr(ops, f"{name}_backward")(y, *args, **settings)

    def pool(name: str) -> None:
        y = getattr(ops, name)(image, 2)
        given = [y] * (name == "max_pool2d")
        getattr(ops, f"{name}_backward")(y, image, *given, 2)

    def norm() -> None:
        gamma, beta, mean, var = (asarray(np.ones(8, dtype)) for _ in range(4))
        for training in (True, False):
            y, *kept = ops.batch_norm(image, gamma, beta, mean, var, training=training)
            ops.batch_norm_backward(y, image, gamma, *kept, training=training)

    def layer_norm() -> None:
        rows, gamma, beta = (asarray(np.ones(shape, dtype)) for shape in ((4, 8), 8, 8))
        y, *kept = ops.layer_norm(rows, gamma, beta)
        ops.layer_norm_backward(y, rows, gamma, *kept)

    def columns() -> None:
        ops.col2im(ops.im2col(image, 3), 12, 3)

    def join() -> None:
        for a in (x, image):
            ops.multiply(ops.add(a, a), a)
            ops.split(ops.concat([a, a]), [a.shape[1], a.shape[1]])

    def drop() -> None:
        step = get_backend().xp.zeros(1, "int64")
        ops.dropout(x, 0.5, key=np.zeros(1, np.uint64), step=step)

    for name in (*_ACTIVATIONS, "log_softmax"):
        yield Exercise(name, partial(both, name, x))
    yield Exercise("linear", partial(both, "linear", x, w))
    yield Exercise("linear", partial(ops.linear, x, w, b))
    for algorithm in _ALGORITHMS:
        filters = asarray(draw(8, 8, 3, 3))
        call = partial(both, "conv2d", image, filters, algorithm=algorithm)
        yield Exercise(f"conv2d with {algorithm}", call)
    for channels, groups, size in ((1, 8, 3), (4, 2, 3), (8, 1, 1)):
        filters = asarray(draw(8, channels, size, size))
        call = partial(both, "conv2d", image, filters, groups=groups)
        yield Exercise(f"conv2d of {groups} groups", call)
    filters = asarray(draw(8, 8, 3, 3))
    yield Exercise("conv_transpose2d", partial(both, "conv_transpose2d", image, filters))
    yield Exercise("max_pool2d", partial(pool, "max_pool2d"))
    yield Exercise("avg_pool2d", partial(pool, "avg_pool2d"))
    yield Exercise("batch_norm", norm)
    yield Exercise("layer_norm", layer_norm)
    yield Exercise("im2col", columns)
    yield Exercise("pad2d", partial(ops.pad2d, image, 1))
    yield Exercise("joins", join)
    yield Exercise("dropout", drop)
    for loss in ("mse", "binary_cross_entropy", "categorical_cross_entropy"):
        yield Exercise(loss, partial(getattr(ops, loss), ops.softmax(x), targets))
    for loss in ("sigmoid_cross_entropy", "softmax_cross_entropy"):
        yield Exercise(loss, partial(getattr(ops, loss), x, targets))


def _random(*shape: int, dtype: str) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.1, 1, shape).astype(dtype)
