"""Sequential: compile, fit, evaluate, predict; every kind of input and target."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import special

from nnaccel import data, to_numpy
from nnaccel.backends import get_backend
from nnaccel.layers import Activation, Dense, Dropout, Flatten, Softmax
from nnaccel.layers.penalties import L1L2, L2
from nnaccel.model.sequential import Sequential
from nnaccel.model.summary import summarize
from nnaccel.optim import SGD
from nnaccel.training.callbacks import History, LambdaCallback

from ..registered import LOSSES


def classifier(classes: int = 3, seed: int = 0, **settings: Any) -> Sequential:
    model = Sequential([Dense(8, "tanh"), Dense(classes, "softmax")], seed=seed, **settings)
    model.compile(metrics=["accuracy"])
    return model


def problem(rows: int = 30, features: int = 4, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(classes, size=rows)
    x = rng.normal(size=(rows, features)) + 2 * np.eye(features)[y % features]
    return x.astype("float32"), y


def fitted(model: Sequential, x: Any, y: Any, **settings: Any) -> list[np.ndarray]:
    model.fit(x, y, verbose=0, **{"epochs": 2, "batch_size": 8, **settings})
    return model.get_weights()


def assert_same(ours: list[np.ndarray], theirs: list[np.ndarray]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


# The whole


def test_digits_are_learnt(backend: Any) -> None:
    (x, y), (x_test, y_test) = data.digits()
    model = Sequential([Dense(64, "relu"), Dense(10, "softmax")], seed=0)
    model.compile(optimizer="adam", metrics=["accuracy"])
    history = model.fit(x, y, epochs=12, validation_data=(x_test, y_test), verbose=0)
    assert isinstance(history, History)
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert history.epoch == list(range(12))
    assert model.history is history
    loss, accuracy = model.evaluate(x_test, y_test)
    assert accuracy > 0.93
    assert [loss, accuracy] == [
        pytest.approx(history.history[name][-1], rel=1e-6) for name in ("val_loss", "val_accuracy")
    ]
    assert (model.predict(x_test).argmax(axis=1) == y_test).mean() == pytest.approx(accuracy)


def test_real_mnist_is_learnt_in_one_epoch(real_mnist: Any) -> None:
    (x, y), (x_test, y_test) = real_mnist
    model = Sequential([Dense(100, "relu"), Dense(10, "softmax")], seed=0)
    model.compile(metrics=["accuracy"])
    model.fit(x, y, batch_size=128, verbose=0)
    assert model.evaluate(x_test, y_test)[1] > 0.93


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_verbosity(verbose: int, capsys: pytest.CaptureFixture[str]) -> None:
    classifier().fit(*problem(), epochs=2, verbose=verbose)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == (2 if verbose else 0)


def test_summary_before_and_after_building(capsys: pytest.CaptureFixture[str]) -> None:
    model = Sequential([Flatten(), Dense(5, "relu"), Dense(2)])
    model.summary()
    assert "not built yet" in capsys.readouterr().out
    model.build((2, 2))
    model.summary()
    text = capsys.readouterr().out
    assert "dense (Dense, relu)" in text
    assert "(None, 5)" in text
    assert "37 parameters" in text
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert "\n".join(lines) + "\n" == text


def test_summary_of_few_columns() -> None:
    model = Sequential([Flatten(), Dense(500, "softmax"), Dense(2)])
    model.build((28, 28))
    assert summarize(model, 80) == summarize(model)
    lines = summarize(model, 35).splitlines()
    assert max(map(len, lines)) <= 35
    at = lines.index("dense (Dense, softmax)")
    assert lines[at + 1] == "    (None, 500)  392,500"
    assert "".join(lines[-2:]) == "393,502 parameters, 1.57 MB offloat32"


def test_add_until_built() -> None:
    model = Sequential(seed=0)
    for layer in (Dense(8, "tanh"), Dense(3, "softmax")):
        model.add(layer)
    model.compile()
    assert_same(fitted(model, *problem()), fitted(classifier(), *problem()))
    with pytest.raises(RuntimeError, match="built already"):
        model.add(Dense(2))
    assert len(model) == 2


def test_same_seed_same_everything(backend: Any) -> None:
    def train(seed: int) -> list[np.ndarray]:
        model = Sequential([Dense(8, "relu"), Dropout(0.3), Dense(3, "softmax")], seed=seed)
        model.compile()
        return fitted(model, *problem())

    assert_same(train(5), train(5))
    assert not np.array_equal(train(5)[0], train(6)[0])


def test_compile_begins_anew() -> None:
    x, y = problem()
    model, fresh = classifier(), classifier()
    fitted(model, x, y)
    fresh.build((4,))
    fresh.set_weights(model.get_weights())
    model.compile(optimizer="adam")
    fresh.compile(optimizer="adam")
    assert_same(fitted(model, x, y, shuffle=False), fitted(fresh, x, y, shuffle=False))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "categorical_crosentropy"}, "Did you mean 'categorical_crossentropy'"),
        ({"optimizer": "adamm"}, "Did you mean 'adam"),
        ({"metrics": ["acuracy"]}, "Did you mean 'accuracy'"),
    ],
)
def test_unknown_names_leave_the_model_compiled_as_it_was(settings: Any, message: str) -> None:
    model = classifier()
    before = model.loss, model.optimizer, model.metrics
    with pytest.raises(ValueError, match=message):
        model.compile(**settings)
    assert (model.loss, model.optimizer, model.metrics) == before


def test_uncompiled() -> None:
    model = Sequential([Dense(2)])
    for call in (model.fit, model.evaluate):
        with pytest.raises(RuntimeError, match="not compiled yet"):
            call(*problem())
    with pytest.raises(RuntimeError, match="not compiled yet"):
        _ = model.optimizer
    assert not model.built


# Inputs


@pytest.mark.parametrize(
    "kind", ["float16", "float64", ">f4", ">f8", "int16", ">i4", "uint64", "?"]
)
def test_inputs_of_every_dtype(kind: str, backend: Any) -> None:
    x, y = problem()
    x = (x * 4).round().astype(kind)
    assert_same(fitted(classifier(), x, y), fitted(classifier(), x.astype("float32"), y))


def forms(x: np.ndarray) -> dict[str, Any]:
    strided = np.zeros((2 * len(x), x.shape[1] + 3), x.dtype)
    strided[::2, 1:-2] = x
    unaligned = np.frombuffer(b"1" + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape)
    frozen = x.copy()
    frozen.flags.writeable = False
    return {
        "fortran": np.asfortranarray(x),
        "strided": strided[::2, 1:-2],
        "backwards": x[::-1][::-1],
        "read-only": frozen,
        "unaligned": unaligned,
        "list": x.tolist(),
        "images": x.reshape(len(x), 2, 2),
    }


@pytest.mark.parametrize("form", list(forms(np.zeros((2, 4)))))
def test_inputs_in_every_form(form: str, backend: Any) -> None:
    x, y = problem()
    given = forms(x)[form]
    model, reference = classifier(), classifier()
    assert_same(fitted(model, given, y.tolist()), fitted(reference, x, y))
    np.testing.assert_array_equal(model.predict(given), reference.predict(x))


def test_uint8_means_pixels_everywhere(backend: Any) -> None:
    rng = np.random.default_rng(0)
    pixels, y = rng.integers(256, size=(20, 2, 3), dtype=np.uint8), rng.integers(3, size=20)
    scaled = pixels.astype("float32") * np.float32(1 / 255)
    model, reference = classifier(), classifier()
    assert_same(fitted(model, pixels, y), fitted(reference, scaled, y))
    assert model.evaluate(pixels, y) == reference.evaluate(scaled, y)
    np.testing.assert_array_equal(model.predict(pixels), reference.predict(scaled))
    np.testing.assert_array_equal(model(pixels), reference.predict(scaled))
    streamed = classifier()
    batches = [(pixels[i : i + 8], y[i : i + 8]) for i in range(0, 20, 8)]
    streamed.fit(batches, epochs=2, verbose=0)
    assert_same(streamed.get_weights(), fitted(classifier(), pixels, y, shuffle=False))


def test_float64_models(backend: Any) -> None:
    x, y = problem()
    model = classifier(dtype="float64")
    weights = fitted(model, x, y)
    assert {w.dtype for w in weights} == {np.dtype("float64")}
    assert model.predict(x).dtype == np.float64
    assert to_numpy(model(x)).dtype == np.float64
    for double, single in zip(weights, fitted(classifier(), x, y), strict=True):
        np.testing.assert_allclose(double, single, atol=1e-4)


def test_predict_in_batches_of_any_size(backend: Any) -> None:
    x, _ = problem(23)
    model = classifier()
    whole = model.predict(x)
    assert whole.shape == (23, 3)
    np.testing.assert_allclose(whole.sum(axis=1), 1, rtol=1e-5)
    for batch_size in (1, 7, 23, 24, 1000):
        np.testing.assert_allclose(model.predict(x, batch_size=batch_size), whole, rtol=1e-5)
    np.testing.assert_allclose(to_numpy(model(x)), whole, rtol=1e-5)


def test_predicting_images(backend: Any) -> None:
    model = Sequential([Activation("relu")])
    x = np.random.default_rng(0).normal(size=(5, 2, 3)).astype("float32")
    np.testing.assert_array_equal(model.predict(x, batch_size=2), np.maximum(x, 0))


def test_training_mode_drops(backend: Any) -> None:
    model = Sequential([Dropout(0.5)], seed=0)
    x = np.ones((4, 50))
    assert set(np.unique(to_numpy(model(x, training=True)))) == {0.0, 2.0}
    np.testing.assert_array_equal(to_numpy(model(x)), x)


@pytest.mark.parametrize("rows", [1, 5, 29])
@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_sizes_that_do_not_divide(rows: int, batch_size: int, backend: Any) -> None:
    x, y = problem(rows)
    model = classifier()
    history = model.fit(x, y, epochs=2, batch_size=batch_size, verbose=0)
    assert model.iterations[0] == 2 * math.ceil(rows / batch_size)
    assert np.isfinite(history.history["loss"]).all()


# Targets and losses


@pytest.mark.parametrize(
    "loss", ["categorical_crossentropy", "sparse_categorical_crossentropy", "mse"]
)
def test_labels_columns_and_one_hot_rows_are_the_same(loss: str, backend: Any) -> None:
    x, y = problem()
    results = []
    one_hot = np.eye(3)[y]
    for targets in (y, y.astype("uint8"), y[:, None], y.astype(float), one_hot, one_hot > 0):
        model = classifier()
        model.compile(loss=loss, metrics=["accuracy"])
        results.append([*fitted(model, x, targets), np.array(model.evaluate(x, targets))])
    for other in results[1:]:
        assert_same(results[0], other)


def test_one_sigmoid_output(backend: Any) -> None:
    x, y = problem(classes=2)
    results = []
    for targets in (y, y[:, None], y.astype(bool), y.astype("float32")):
        model = Sequential([Dense(8, "relu"), Dense(1, "sigmoid")], seed=0)
        model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
        results.append(fitted(model, x, targets, epochs=40))
    for other in results[1:]:
        assert_same(results[0], other)
    assert model.evaluate(x, y)[1] > 0.9
    assert ((model.predict(x)[:, 0] > 0.5) == y).mean() == pytest.approx(model.evaluate(x, y)[1])


def test_regression(backend: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3))
    for y in (x @ [1.0, -2.0, 0.5] + 3, x @ rng.normal(size=(3, 2))):
        model = Sequential([Dense(1 if y.ndim == 1 else 2)], seed=0, dtype="float64")
        model.compile(loss="mse", optimizer=SGD(0.1))
        model.fit(x, y, epochs=60, batch_size=16, verbose=0)
        assert model.evaluate(x, y) < 1e-6


def by_hand(loss: str, p: np.ndarray, t: np.ndarray) -> float:
    if loss == "mse":
        return float(((p - t) ** 2).mean())
    if loss == "huber":
        return float(((p - t) ** 2).mean() / 2)  # no error is beyond 1
    if loss == "mae":
        return float(abs(p - t).mean())
    if loss == "log_cosh":
        return float(np.log(np.cosh(p - t)).mean())
    if "hinge" in loss:
        each = np.maximum(0, 1 - (2 * t - 1) * p)
        return float((each**2 if "squared" in loss else each).mean())
    if loss == "kl_divergence":
        return float(special.rel_entr(np.maximum(t, 1e-7), p).sum(axis=1).mean())
    if loss == "poisson":
        return float((p - t * np.log(p + 1e-7)).mean())
    if loss == "cosine_similarity":
        lengths = np.linalg.norm(p, axis=1) * np.linalg.norm(t, axis=1)
        return float(-((p * t).sum(axis=1) / lengths).mean())
    if loss == "categorical_focal_crossentropy":
        return float(-(0.25 * t * (1 - p) ** 2 * np.log(p)).sum(axis=1).mean())
    if loss == "binary_focal_crossentropy":
        q = np.where(t == 1, p, 1 - p)
        return float(-((1 - q) ** 2 * np.log(q)).mean())
    if loss == "binary_crossentropy":
        return float(-(t * np.log(p) + (1 - t) * np.log(1 - p)).mean())
    if loss == "categorical_crossentropy":
        return float(-(t * np.log(p)).sum(axis=1).mean())
    raise NotImplementedError(f"write the formula of {loss!r} here")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("last", ["softmax", "sigmoid"])
@pytest.mark.filterwarnings("ignore:the last layer .* but the loss is:UserWarning")
def test_evaluate_is_the_loss_by_hand(loss: str, last: str, backend: Any) -> None:
    x, y = problem()
    layers = [Dense(8, "tanh", penalty=L1L2(0.01, 0.02)), Dense(3, last, penalty=L2(0.03))]
    model = Sequential(layers, seed=0, dtype="float64")
    model.compile(loss=loss, metrics=["accuracy", "binary_accuracy"])
    logs = model.evaluate(x, y, batch_size=7, return_dict=True)
    p, t = model.predict(x), np.eye(3)[y]
    w1, w2 = model.get_weights()[::2]
    penalty = 0.01 * np.abs(w1).sum() + 0.02 * (w1**2).sum() + 0.03 * (w2**2).sum()
    assert logs == {
        "loss": pytest.approx(by_hand(loss, p, t) + penalty, rel=1e-9),
        "accuracy": pytest.approx((p.argmax(axis=1) == y).mean()),
        "binary_accuracy": pytest.approx(((p > 0.5) == (t > 0.5)).mean()),
    }
    assert model.evaluate(x, y) == pytest.approx(list(logs.values()), rel=1e-12)


def test_fit_reports_the_loss_before_each_step(backend: Any) -> None:
    x, y = problem()
    model = Sequential([Dense(3, "softmax", penalty=L2(0.1))], seed=0)
    model.compile(optimizer=SGD(0.0), metrics=["accuracy"])
    history = model.fit(x, y, epochs=2, batch_size=7, verbose=0).history
    loss, accuracy = model.evaluate(x, y)
    assert history["loss"] == pytest.approx([loss, loss], rel=1e-6)
    assert history["accuracy"] == pytest.approx([accuracy, accuracy])


def test_a_softmax_layer_is_fused_with_its_loss(backend: Any) -> None:
    x, y = problem()
    separate = Sequential([Dense(8, "tanh"), Dense(3), Softmax()], seed=0)
    separate.compile()
    for a, b in zip(fitted(separate, x, y), fitted(classifier(), x, y), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize(("last", "loss"), [("softmax", "categorical"), ("sigmoid", "binary")])
def test_confident_mistakes_stay_finite(last: str, loss: str, backend: Any) -> None:
    model = Sequential([Dense(2, last)], seed=0)
    model.compile(loss=f"{loss}_crossentropy", optimizer=SGD(0.01))
    x = np.array([[1e4, -1e4], [-1e4, 1e4]])
    history = model.fit(x, [0, 1], epochs=3, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


# Validation


def test_validation_split_takes_the_last_rows(backend: Any) -> None:
    x, y = problem(20)
    split, given = classifier(), classifier()
    ours = split.fit(x, y, epochs=2, validation_split=0.25, verbose=0).history
    held = x[15:], y[15:]
    theirs = given.fit(x[:15], y[:15], epochs=2, validation_data=held, verbose=0).history
    assert ours == theirs
    assert ours["val_loss"][-1] == split.evaluate(*held)[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"validation_split": 1.0}, "at least 0 and below 1"),
        ({"validation_split": -0.1}, "at least 0 and below 1"),
        ({"validation_split": math.nan}, "at least 0 and below 1"),
        ({"validation_split": 0.01}, "less than one row"),
        ({"validation_split": 0.5, "validation_data": problem()}, "not both"),
        ({"validation_data": problem()[0]}, "must be arrays .* not a ndarray"),
        ({"validation_data": (*problem(), 1)}, "sample_weight has shape"),
        ({"validation_data": problem(features=5)}, "built for"),
    ],
)
def test_wrong_validation(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        classifier().fit(*problem(), verbose=0, **settings)


def test_returned_kinds() -> None:
    x, y = problem()
    model = classifier()
    assert list(model.evaluate(x, y, return_dict=True)) == ["loss", "accuracy"]
    model.compile(metrics="accuracy")
    assert len(model.evaluate(x, y)) == 2
    model.compile()
    assert isinstance(model.evaluate(x, y), float)
    assert isinstance(model.predict(x), np.ndarray)
    assert isinstance(model(x), get_backend().xp.ndarray)


def test_labels_that_change_while_training_do_no_harm() -> None:
    x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])
    model = Sequential([Dense(2, "softmax")], seed=0)
    model.compile("categorical_crossentropy", "sgd")

    def spoil(epoch: int, logs: dict[str, float]) -> None:
        y[:] = 10**9

    history = model.fit(x, y, epochs=3, verbose=0, callbacks=[LambdaCallback(on_epoch_end=spoil)])
    assert history.history["loss"][2] < history.history["loss"][0]


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "log_softmax"])
def test_losses_of_probabilities_want_probabilities(activation: str) -> None:
    x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])
    model = Sequential([Dense(2, activation)], seed=0)
    model.compile("categorical_crossentropy", "sgd")
    for call in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match=f"ends with '{activation}'.*'softmax'"):
            call(x, y)


def test_a_slice_may_not_change_what_is_being_trained() -> None:
    x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])
    model = Sequential([Dense(3, "relu"), Dense(2, "softmax")], seed=0)
    model.compile("categorical_crossentropy", "sgd")

    def move(epoch: int, logs: dict[str, float]) -> None:
        model[:-1].to("numpy")

    with pytest.raises(RuntimeError, match="being trained"):
        model.fit(x, y, verbose=0, callbacks=[LambdaCallback(on_epoch_begin=move)])
