"""What other libraries call otherwise is told by its name here."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel import _foreign, _validate
from nnaccel.model.sequential import Sequential
from nnaccel.ops import _check


def model(units: int = 3) -> Sequential:
    return nn.Sequential([nn.Dense(units, "softmax")])


def compiled() -> Sequential:
    made = model()
    made.compile()
    return made


X = np.ones((3, 5), np.float32)


def conv(**given: Any) -> Any:
    return nn.Conv2D(3, 3, **given)


def dense(**given: Any) -> Any:
    return nn.Dense(3, **given)


def op_conv(**given: Any) -> Any:
    return nn.ops.conv2d(np.ones((2, 1, 3, 3)), np.ones((1, 1, 2, 2)), **given)


def fit(**given: Any) -> Any:
    return compiled().fit(X, [0, 1, 2], **given)


ARGUMENTS: list[tuple[Callable[..., Any], dict[str, Any], str]] = [
    (conv, {"strides": 2}, "Conv2D has no argument 'strides': it is called 'stride' here"),
    (conv, {"dilation_rate": 2}, "is called 'dilation' here"),
    (conv, {"data_format": "channels_last"}, "(n, channels, rows, columns) here"),
    (dense, {"kernel_initializer": "zeros"}, "is called 'initializer' here"),
    (dense, {"kernel_regularizer": "l2"}, "is called 'penalty' here"),
    (dense, {"input_shape": (4,)}, "leave it out: the first batch gives the shape"),
    (dense, {"activaton": "relu"}, "did you mean 'activation'?"),
    (dense, {"zzz": 1}, "Dense has no argument 'zzz': it takes units, activation, use_bias"),
    (nn.Dense, {"in_features": 3, "out_features": 3}, "leave it out"),
    (nn.optim.SGD, {"weight_decay": 0.1}, "AdamW and Lion take it"),
    (nn.Dense, {"out_features": 3}, "is called 'units' here"),
    (nn.MaxPool2D, {"strides": 2}, "is called 'stride' here"),
    (nn.MaxPool2D, {"kernel_size": 2}, "is called 'pool_size' here"),
    (nn.Dropout, {"p": 0.5}, "is called 'rate' here"),
    (nn.BatchNorm, {"eps": 0.5}, "is called 'epsilon' here"),
    (nn.optim.Adam, {"lr": 0.1}, "Adam has no argument 'lr': it is called 'learning_rate' here"),
    (nn.optim.Adam, {"betas": (0.9, 0.99)}, "give beta_1 and beta_2"),
    (nn.optim.RMSprop, {"alpha": 0.9}, "is called 'rho' here"),
    (nn.optim.SGD, {"nesterow": True}, "did you mean 'nesterov'?"),
    (nn.losses.Huber, {"delt": 1.0}, "did you mean 'delta'?"),
    (nn.ModelCheckpoint, {"filepath": "a"}, "is called 'path' here"),
    (nn.TensorBoard, {"log_dir": "a"}, "is called 'folder' here"),
    (nn.data.Augment, {"zoom": 0.1}, "is called 'scale' here"),
    (nn.EarlyStopping, {"patients": 3}, "did you mean 'patience'?"),
    (nn.Sequential, {"layer": []}, "did you mean 'layers'?"),
    (
        lambda **a: model().compile(**a),
        {"criterion": "mse"},
        "compile has no argument 'criterion': it is called 'loss' here",
    ),
    (op_conv, {"strides": 2}, "conv2d has no argument 'strides': it is called 'stride' here"),
    (lambda **a: nn.ops.pad2d(X, **a), {"paddin": 1}, "did you mean 'padding'?"),
    (lambda **a: nn.ops.softmax(X, **a), {"dim": 1}, "softmax has no argument 'dim': it is called"),
    (lambda **a: nn.ops.log_softmax(X, **a), {"dim": 1}, "is called 'axis' here"),
    (lambda **a: nn.ops.leaky_relu(X, **a), {"negative_slope": 1}, "is called 'alpha' here"),
    (fit, {"nb_epoch": 3}, "is called 'epochs' here"),
    (nn.estimators.MLPClassifier, {"C": 1.0}, "MLPClassifier has no argument 'C': give alpha"),
    (nn.estimators.LinearRegression, {"fit_intersept": True}, "did you mean 'fit_intercept'?"),
    (nn.estimators.LogisticRegression, {"alpha": 1.0}, "LogisticRegression has no argument"),
    (fit, {"validation_steps": 3}, "validation_data is used whole"),
    (lambda **a: compiled().predict(X, **a), {"verbose": 0}, "leave it out: only fit prints"),
    (
        lambda **a: compiled().evaluate(X, [0, 1, 2], **a),
        {"batchsize": 3},
        "did you mean 'batch_size'?",
    ),
]


@pytest.mark.parametrize(
    ("call", "given", "words"), ARGUMENTS, ids=lambda v: str(v) if isinstance(v, dict) else ""
)
def test_arguments(call: Callable[..., Any], given: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError) as error:
        call(**given)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("MaxPooling2D", "'MaxPooling2D': it is called nn.MaxPool2D here"),
        ("AveragePooling1D", "it is called nn.AvgPool1D here"),
        ("SiLU", "it is called nn.Activation('swish') here"),
        ("BatchNormalization", "it is called nn.BatchNorm here"),
        ("BatchNorm2d", "it is called nn.BatchNorm here"),
        ("optimizers", "it is called nn.optim here"),
        ("Linear", "it is called nn.Dense here"),
        ("CrossEntropyLoss", "it is called nn.losses.CategoricalCrossentropy here"),
        ("L1Loss", "it is called nn.losses.MeanAbsoluteError here"),
        ("Input", "the first batch gives the shape"),
        ("to_categorical", "labels are taken as they are, as integers or one-hot"),
        ("DataLoader", "any iterable of (x, y) batches"),
        ("cuda", "NNACCEL_BACKEND, or nn.set_backend"),
        ("Identity", "it is called nn.Activation('linear') here"),
        ("LSTM", "recurrent layers, attention and embeddings are not here"),
        ("MultiheadAttention", "attention and embeddings are not here"),
        ("Lambda", "write a layer of your own, a class (docs/guides/own-pieces.md)"),
        ("Parameter", "names its parameters in parameter_specs"),
        ("Dens", "did you mean 'Dense'?"),
    ],
)
def test_attributes(name: str, words: str) -> None:
    with pytest.raises(AttributeError) as error:
        getattr(nn, name)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("room", "name", "words"),
    [
        (nn.layers, "MaxPooling2D", "it is called nn.MaxPool2D here"),
        (nn.optim, "RMSProp", "it is called nn.optim.RMSprop here"),
        (nn.losses, "CrossEntropyLoss", "it is called nn.losses.CategoricalCrossentropy here"),
        (nn.metrics, "BinaryAcuracy", "did you mean 'BinaryAccuracy'?"),
        (nn.callbacks, "LearningRateScheduler", "it is called nn.schedules here"),
        (nn.data, "RandomFlip", "it is called nn.data.Augment here"),
        (nn.data, "mnits", "did you mean 'mnist'?"),
        (nn.estimators, "NetworkClasifier", "did you mean 'NetworkClassifier'?"),
        (nn.distributed, "DistributedDataParallel", "distributed=nn.distributed.init()"),
        (nn.callbacks, "EarlyStoping", "did you mean 'EarlyStopping'?"),
    ],
)
def test_attributes_of_rooms(room: Any, name: str, words: str) -> None:
    with pytest.raises(AttributeError) as error:
        getattr(room, name)
    assert words in str(error.value)


@pytest.mark.parametrize("name", _foreign.METHODS)
def test_methods(name: str) -> None:
    with pytest.raises(AttributeError) as error:
        getattr(model(), name)
    assert _foreign.METHODS[name] in str(error.value)


def test_other_methods_are_missing_as_in_python() -> None:
    with pytest.raises(AttributeError, match=r"'Sequential' object has no attribute 'optimise'$"):
        model().optimise  # noqa: B018
    assert not hasattr(model(), "optimise")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: model().compile(metrics="acc"), "It is called 'accuracy' here"),
        (lambda: model().compile("crossentropy"), "It is called 'categorical_crossentropy' here"),
        (lambda: model().compile("BCE"), "It is called 'binary_crossentropy' here"),
        (lambda: nn.Dense(3, "identity"), "It is called 'linear' here"),
        (lambda: nn.Dense(64, 16), "leave out the size of the inputs, as in Dense(16) or Conv2D("),
        (lambda: nn.Conv2D(1, 8, 3), "activation=3 must be a name such as 'relu'. To fix: leave"),
        (lambda: nn.Dense(3, nn.ReLU()), "give its name, as in 'relu', or list the layer after"),
        (lambda: nn.Dense(3, np.tanh), "activation=<ufunc 'tanh'> must be a name"),
        (lambda: nn.Dense(3, initializer="xavier_uniform"), "It is called 'glorot_uniform' here"),
        (
            lambda: model().compile("adam", "mse"),
            "the loss comes first here, and 'adam' is an optimizer. To fix: compile(loss='mse', "
            "optimizer='adam')",
        ),
        (lambda: model().compile(nn.optim.SGD(0.5)), "To fix: compile(loss=…, optimizer=SGD("),
        (lambda: model().build((None, 20)), "without an axis for the batch. To fix: give (20,)"),
        (lambda: model().build(20), "To fix: give (20,)"),
        (lambda: model().build((None, None, 3)), "give a whole number for each axis"),
        (lambda: compiled().fit(X, [0.0, 1.5, 2.0]), "0 to 2, as integers or floats, but row 1"),
    ],
)  # fmt: skip
def test_values(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 (any of several texts)
        call()
    assert words in str(error.value)


def test_whole_floats_are_labels() -> None:
    results = []
    for labels in ([0, 1, 2], [0.0, 1.0, 2.0], [[0.0], [1.0], [2.0]]):
        made = nn.Sequential([nn.Dense(3, "softmax")], seed=0)
        made.compile(metrics=["accuracy"])
        made.fit(X, np.array(labels), verbose=0)
        results.append([*made.get_weights()[0].ravel(), *made.evaluate(X, labels)])
    assert results[0] == results[1] == results[2]


def convolutional() -> Sequential:
    made = nn.Sequential([nn.Conv2D(2, 3), nn.Flatten(), nn.Dense(3, "softmax")])
    made.compile()
    return made


@pytest.mark.parametrize("shape", [(3, 32, 32, 3), (3, 24, 32, 3), (3, 24, 24, 4)])
def test_images_whose_channels_come_last_are_told_of(shape: tuple[int, ...]) -> None:
    with pytest.warns(UserWarning, match=r"images are \(n, channels, rows, columns\) here") as told:
        convolutional().fit(np.ones(shape), [0, 1, 2], verbose=0)
    assert len(told) == 1
    assert "give x.transpose(0, 3, 1, 2)" in str(told[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        convolutional().fit(np.ones(shape).transpose(0, 3, 1, 2), [0, 1, 2], verbose=0)


def test_an_error_of_such_images_tells_of_them_too() -> None:
    with pytest.raises(ValueError, match=r"does not fit .* give x.transpose\(0, 3, 1, 2\)"):
        convolutional().fit(np.ones((3, 28, 28, 1)), [0, 1, 2], verbose=0)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lr", "SGD has no attribute 'lr': it is called 'learning_rate' here"),
        ("momentun", "did you mean 'momentum'?"),
        ("foo", "SGD has no attribute 'foo': it has learning_rate, momentum"),
    ],
)
def test_settings_that_an_optimizer_has_not(name: str, words: str) -> None:
    optimizer = nn.optim.SGD(0.5)
    with pytest.raises(AttributeError) as error:
        setattr(optimizer, name, 0.5)
    assert words in str(error.value)
    optimizer.momentum = 0.5

    class Own(nn.optim.SGD):
        pass

    setattr(Own(0.5), name, 0.5)


def test_layers_come_in_one_list() -> None:
    for layers in ([nn.Dense(3)], [nn.Dense(3), nn.Dense(3)]):
        with pytest.raises(TypeError, match="give the layers in one list: Sequential"):
            nn.Sequential(*layers)


def test_a_class_that_takes_any_argument_decides_itself() -> None:
    class Own(nn.Dense):
        def __init__(self, units: int, **settings: Any) -> None:
            self.strength = settings.pop("strides", 1)
            super().__init__(units, **settings)

    assert Own(3, strides=2).strength == 2
    with pytest.raises(TypeError, match="Own has no argument 'kernel_regularizer': it is called"):
        Own(3, kernel_regularizer="l2")


# The table


def test_what_is_told_is_there() -> None:
    for name, here in _foreign.ATTRIBUTES.items():
        with pytest.raises(AttributeError, match="it is called nn"):
            getattr(nn, name)
        eval(f"nn.{here}", {"nn": nn})


def test_no_name_of_the_table_is_one_of_ours() -> None:
    strings = {
        *nn.losses.LOSSES,
        *nn.metrics.METRICS,
        *nn.initializers.NAMED,
        *_check.ACTIVATIONS,
    }
    assert not _foreign.STRINGS.keys() & strings
    assert {here for names in _foreign.STRINGS.values() for here in names} <= strings
    kinds = [getattr(nn, name) for name in nn.__all__ if isinstance(getattr(nn, name), type)]
    kinds += [nn.data.Augment, *nn.optim.OPTIMIZERS.values(), *nn.losses.LOSSES.values()]
    known = {name for kind in kinds for name in _validate.argument_names(kind)}
    known |= {"epochs", "sample_weight", "loss", "x", "axis"}  # of methods and ops
    assert {here for names in _foreign.ARGUMENTS.values() for here in names} <= known
