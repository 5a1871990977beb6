"""Networks as estimators: what they learn, when they stop, what goes on, several labels."""

from __future__ import annotations

import signal
import threading
import time
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from nnaccel import optim
from nnaccel.backends import use_backend
from nnaccel.data import digits
from nnaccel.estimators import (
    ConvNetClassifier,
    MLPClassifier,
    MLPRegressor,
    SoftmaxRegression,
)
from nnaccel.layers.penalties import L1L2
from nnaccel.model.sequential import Sequential
from nnaccel.training.divergence import DivergenceError

unfinished = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def two_moons(count: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two half circles that take hold of each other."""
    rng = np.random.default_rng(seed)
    angle, y = np.pi * rng.random(count), np.arange(count) % 2
    x = np.column_stack([np.cos(angle) + y, (1 - 2 * y) * np.sin(angle) + 0.5 * y])
    return x + 0.1 * rng.normal(size=x.shape), y


@unfinished
def test_irises_with_40_hidden_units_in_30_epochs(backend: Any) -> None:
    x, y = load_iris(return_X_y=True)
    scores = []
    for seed in range(10):
        split = train_test_split(x, y, test_size=0.3, random_state=seed)
        model = MLPClassifier(
            40, max_iter=30, batch_size=10, learning_rate_init=0.01, random_state=seed
        )
        scores.append(model.fit(split[0], split[2]).score(split[1], split[3]))
    assert np.median(scores) >= 0.955  # 43 of 45


@unfinished
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_backends_learn_the_same(dtype: Any) -> None:
    x, y = two_moons()
    found = {}
    for name in ("numpy", "numba"):
        with use_backend(name):
            model = MLPClassifier((16, 8), "tanh", dropout=0.1, max_iter=20, random_state=3)
            found[name] = model.fit(x.astype(dtype), y).predict_proba(x.astype(dtype))
        assert found[name].dtype == dtype
    np.testing.assert_allclose(found["numba"], found["numpy"], atol=1e-4)


@unfinished
def test_a_seed_decides_everything_and_another_is_another() -> None:
    x, y = two_moons()
    first, again, other = (
        MLPClassifier(8, max_iter=5, dropout=0.2, random_state=seed).fit(x, y).coefs_[0]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@unfinished
@pytest.mark.parametrize("outputs", [1, 2])
def test_one_step_is_the_gradients(outputs: int) -> None:
    """Full batch, plain SGD, squared error: against the sums written out, penalties too."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(10, 3)), rng.normal(size=(10, outputs))
    settings = {"alpha": 0.3, "l1": 0.2, "momentum": 0.0, "max_iter": 1, "random_state": 0}
    start = MLPRegressor(4, "tanh", solver="sgd", learning_rate_init=1e-300, **settings)
    after = MLPRegressor(4, "tanh", solver="sgd", learning_rate_init=0.1, **settings)
    start.fit(x, y if outputs > 1 else y[:, 0])
    after.fit(x, y if outputs > 1 else y[:, 0])
    (w1, w2), (b1, b2) = start.coefs_, start.intercepts_
    hidden = np.tanh(x @ w1 + b1)
    errors = (hidden @ w2 + b2 - y) / 10  # of half the squares: scikit-learn's gradient
    back = (errors @ w2.T) * (1 - hidden**2)
    for w, dw, found in (
        (w1, x.T @ back, after.coefs_[0]),
        (w2, hidden.T @ errors, after.coefs_[1]),
    ):
        dw = dw + (0.3 * w + 0.2 * np.sign(w)) / 10
        np.testing.assert_allclose(found, w - 0.1 * dw, rtol=1e-10)
    np.testing.assert_allclose(after.intercepts_[0], b1 - 0.1 * back.sum(axis=0), rtol=1e-10)
    paid = 0.3 / 20 * ((w1**2).sum() + (w2**2).sum())
    paid += 0.2 / 10 * (np.abs(w1).sum() + np.abs(w2).sum())
    np.testing.assert_allclose(after.loss_, 5 * (errors**2).sum() + paid, rtol=1e-9)
    assert after.model_.dtype == np.float64


def test_it_stops_when_the_loss_does_not_fall() -> None:
    x, y = two_moons()
    model = MLPClassifier(16, learning_rate_init=0.02, tol=0.01, n_iter_no_change=3, random_state=0)
    model.fit(x, y)
    curve = np.array(model.loss_curve_)
    assert model.n_iter_ == len(curve) < model.max_iter
    best = np.minimum.accumulate(curve)
    assert (curve[-4:] > best[-5:-1] - 0.01).all()  # four epochs in a row, one more than allowed
    assert model.best_loss_ == curve.min()
    assert (model.loss_, model.t_) == (curve[-1], 200 * len(curve))
    assert model.validation_scores_ is None


def test_too_few_epochs_are_told_of() -> None:
    x, y = two_moons()
    with pytest.warns(ConvergenceWarning, match="max_iter=3 epochs are over") as told:
        MLPClassifier(8, max_iter=3).fit(x, y)
    assert told[0].filename == __file__


@unfinished
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_early_stopping_keeps_the_weights_of_the_best_score(kind: Any) -> None:
    x, y = two_moons(300)
    model = kind(16, early_stopping=True, n_iter_no_change=5, max_iter=60, random_state=0)
    model.set_params(learning_rate_init=0.02).fit(x, y)
    assert len(model.validation_scores_) == model.n_iter_
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.best_loss_ is None
    shuffle = {"random_state": np.random.RandomState(0).randint(2**31 - 1), "test_size": 0.1}
    stratify = y if kind is MLPClassifier else None
    _, held, _, held_y = train_test_split(x, y, stratify=stratify, **shuffle)
    score = (model.predict(held) == held_y).mean() if stratify is not None else None
    score = r2_score(held_y, model.predict(held)) if score is None else score
    np.testing.assert_allclose(score, model.best_validation_score_)


@unfinished
def test_warm_start_goes_on_and_a_new_fit_does_not() -> None:
    x, y = two_moons()
    model = MLPClassifier(8, max_iter=4, warm_start=True, random_state=0).fit(x, y)
    before = model.coefs_[0]
    model.fit(x, y)
    assert len(model.loss_curve_) == 8
    assert model.n_iter_ == 4
    assert model.loss_curve_[4] < model.loss_curve_[3]
    model.set_params(warm_start=False).fit(x, y)
    np.testing.assert_array_equal(model.coefs_[0], before)
    model.set_params(warm_start=True)
    with pytest.raises(ValueError, match=r"classes not in `self.classes_`, \[0, 1\]: \[2\]"):
        model.fit(x, y + 1)


@unfinished
@pytest.mark.parametrize(
    "changed",
    [
        {"hidden_layer_sizes": (5, 4)},
        {"activation": "tanh"},
        {"dropout": 0.2},
        {"output_activation": "softmax"},
        {"loss": "squared_error", "output_activation": "sigmoid"},
    ],
    ids=lambda changed: "-".join(changed),
)
@pytest.mark.parametrize("fit", ["fit", "partial_fit"])
def test_a_changed_network_is_a_new_one_and_said_to_be(changed: dict[str, Any], fit: str) -> None:
    x, y = two_moons()
    model = MLPClassifier(8, max_iter=3, warm_start=True, random_state=0).fit(x, y)
    model.set_params(hidden_layer_sizes=[8])  # the same
    getattr(model, fit)(x, y)
    model.set_params(**changed)
    with pytest.warns(UserWarning, match=f"^{' and '.join(changed)} changed since the network"):
        getattr(model, fit)(x, y)
    fresh = MLPClassifier(8, max_iter=3, random_state=0).set_params(**changed)
    fresh.fit(x, y) if fit == "fit" else fresh.partial_fit(x, y, classes=[0, 1])
    np.testing.assert_array_equal(model.coefs_[0], fresh.coefs_[0])
    assert model.loss_curve_ == fresh.loss_curve_
    getattr(model, fit)(x, y)  # goes on, without a word
    assert len(model.loss_curve_) == (6 if fit == "fit" else 2)


@unfinished
def test_a_warm_start_says_that_it_stays_in_float32() -> None:
    x, y = two_moons()
    model = MLPClassifier(8, max_iter=3, warm_start=True, random_state=0)
    model.fit(x.astype(np.float32), y)
    with pytest.warns(UserWarning, match="was built for float32 and goes on in it"):
        model.fit(x.astype(np.float64), y)
    assert len(model.loss_curve_) == 6


@unfinished
def test_a_convolutional_network_with_other_filters_is_a_new_one() -> None:
    (x, y), _ = digits()
    model = ConvNetClassifier((2,), max_iter=1, warm_start=True, random_state=0).fit(x[:50], y[:50])
    with pytest.warns(UserWarning, match="^filters and pool_size changed since the network"):
        model.set_params(filters=3, pool_size=4).fit(x[:50], y[:50])
    assert model.model_.layers[0].filters == 3


def test_a_rising_loss_is_told_of() -> None:
    x, y = two_moons()
    with pytest.warns(ConvergenceWarning, match="smaller learning_rate_init"):
        MLPClassifier(solver="sgd", learning_rate_init=1e6, random_state=0).fit(x, y)


@unfinished
def test_weights_of_the_best_score_are_not_given_to_a_training_without_scores() -> None:
    x, y = two_moons()
    model = MLPClassifier(8, max_iter=4, warm_start=True, early_stopping=True, random_state=0)
    best = model.fit(x, y).coefs_[0]
    model.set_params(early_stopping=False).fit(x, y)
    assert (model.coefs_[0] != best).any()


@unfinished
def test_partial_fit_is_an_epoch_with_the_optimisers_state_kept() -> None:
    x, y = two_moons()
    whole = MLPClassifier(8, "tanh", max_iter=5, random_state=0).fit(x, y)
    parts = MLPClassifier(8, "tanh", random_state=0)
    for _ in range(5):
        parts.partial_fit(x, y, classes=[0, 1])
    np.testing.assert_array_equal(parts.coefs_[0], whole.coefs_[0])
    assert parts.loss_curve_ == whole.loss_curve_


@unfinished
def test_the_penalty_has_the_share_of_the_batch_that_is_there() -> None:
    x, y = two_moons()
    model = MLPClassifier(8, alpha=1.0, l1=3.0).partial_fit(x[:2], y[:2], classes=[0, 1])
    assert model.model_.layers[0].penalty == L1L2(1.5, 0.25)
    model.partial_fit(x[:100], y[:100], np.full(100, 2.0))
    assert [layer.penalty for layer in model.model_.layers] == [L1L2(0.015, 0.0025)] * 2


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_early_stopping_wants_weights_on_both_sides(share: float) -> None:
    x, y = two_moons()
    model = MLPRegressor(4, early_stopping=True, validation_fraction=share, random_state=0)
    with pytest.raises(ValueError, match="sample_weight is 0 for every row that is set aside"):
        model.fit(x, y, np.eye(200)[0])


@unfinished
def test_a_fit_that_fails_leaves_the_classes_of_the_last_one() -> None:
    x, y = two_moons()
    for model in (MLPClassifier(8, max_iter=2, random_state=0), SoftmaxRegression(penalty="l2")):
        before = model.fit(x, y).predict(x)
        with pytest.raises(ValueError, match="one class only"):
            model.fit(x, np.zeros(200))
        np.testing.assert_array_equal(model.predict(x), before)


@unfinished
def test_labels_of_another_kind_do_not_go_on_with_a_network() -> None:
    x, y = two_moons()
    model = MLPClassifier(8, max_iter=2).fit(x, np.column_stack([y, 1 - y]))
    with pytest.raises(ValueError, match="y has one label a row, unlike"):
        model.partial_fit(x, y)
    assert model.predict(x).shape == (200, 2)


@unfinished
def test_a_rate_that_falls_does_so_in_parts_as_in_the_whole() -> None:
    x, y = two_moons()
    settings: Any = {"solver": "sgd", "learning_rate": "invscaling", "random_state": 0}
    whole = MLPClassifier(8, max_iter=3, **settings).fit(x, y)
    parts = MLPClassifier(8, **settings)
    for _ in range(3):
        parts.partial_fit(x, y, classes=[0, 1])
    np.testing.assert_array_equal(parts.coefs_[0], whole.coefs_[0])


def test_what_fails_before_it_trains_leaves_no_network() -> None:
    x, y = two_moons()
    model = MLPClassifier(8, solver="adm")
    with pytest.raises(ValueError, match="Did you mean 'adam'"):
        model.partial_fit(x, y, classes=[0, 1])
    assert not hasattr(model, "model_")
    assert model.set_params(solver="adam").partial_fit(x, y, classes=[0, 1]).n_iter_ == 1


def test_partial_fit_wants_to_know_all_classes() -> None:
    x, y = two_moons()
    model = MLPClassifier(4, random_state=0)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        model.partial_fit(x, y)
    model.partial_fit(x[:5], y[:5], classes=[0, 1, 2])
    assert model.predict_proba(x).shape == (200, 3)
    model.partial_fit(x, y)
    with pytest.raises(ValueError, match=r"classes=\[0, 1\] is not what"):
        model.partial_fit(x, y, classes=[0, 1])
    with pytest.raises(ValueError, match="early_stopping"):
        MLPClassifier(early_stopping=True).partial_fit(x, y, classes=[0, 1])
    regressor = MLPRegressor(4, random_state=0).partial_fit(x, y)
    assert len(regressor.partial_fit(x, y).loss_curve_) == 2


@unfinished
def test_several_labels_a_row_are_independent_sigmoids() -> None:
    x, y = two_moons(400)
    labels = np.column_stack([y, x[:, 0] > 0, x[:, 0] > 5])
    model = MLPClassifier(32, learning_rate_init=0.02, random_state=0).fit(x, labels)
    assert (model.out_activation_, model.n_outputs_) == ("sigmoid", 3)
    assert model.model_.loss.name == "binary_crossentropy"
    predicted = model.predict(x)
    assert (predicted == labels).mean(axis=0).min() > 0.95
    assert not predicted[:, 2].any()
    assert model.predict_proba(x).sum(axis=1).std() > 0.1  # they do not sum to one
    assert model.score(x, labels) == (predicted == labels).all(axis=1).mean()


@unfinished
@pytest.mark.parametrize(
    ("settings", "labels"),
    [
        ({"output_activation": "softmax"}, 3),
        ({"output_activation": "softmax", "loss": "binary_crossentropy"}, 1),
        ({"output_activation": "sigmoid", "loss": "categorical_crossentropy"}, 3),
    ],
)
def test_an_ending_that_does_not_fit_the_loss_is_warned_of(settings: Any, labels: int) -> None:
    x, y = two_moons()
    y = y if labels == 1 else np.column_stack([y, x > 0.5])
    with pytest.warns(UserWarning, match="the last layer .* but the loss is"):
        MLPClassifier(8, max_iter=2, **settings).fit(x, y)


@unfinished
@pytest.mark.parametrize(
    ("loss", "ending", "units"),
    [
        ("auto", "sigmoid", 1),
        ("log_loss", "sigmoid", 1),
        ("squared_error", "sigmoid", 1),
        ("binary_crossentropy", "sigmoid", 1),
        ("categorical_crossentropy", "softmax", 2),
    ],
)
def test_losses_and_their_endings_for_two_classes(loss: str, ending: str, units: int) -> None:
    x, y = two_moons()
    model = MLPClassifier(16, loss=loss, learning_rate_init=0.03, random_state=0).fit(x, y)
    assert (model.out_activation_, model.n_outputs_) == (ending, units)
    assert model.score(x, y) > 0.95
    np.testing.assert_allclose(model.predict_proba(x).sum(axis=1), 1, rtol=1e-6)


@unfinished
@pytest.mark.parametrize("loss", ["auto", "squared_error", "binary_crossentropy"])
def test_losses_for_three_classes(loss: str) -> None:
    x, y = load_iris(return_X_y=True)
    model = MLPClassifier(20, loss=loss, learning_rate_init=0.02, random_state=0).fit(x, y)
    assert model.score(x, y) > 0.95
    np.testing.assert_allclose(model.predict_proba(x).sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(x)), model.predict_proba(x))


@unfinished
@pytest.mark.parametrize(
    "solver",
    [*optim.OPTIMIZERS, optim.Adam(0.02), optim.SGD(0.3, momentum=0.9)],
    ids=str,
)
def test_every_solver_learns(solver: Any) -> None:
    x, y = two_moons()
    rates = {"sgd": 0.1, "adagrad": 0.3}
    rate = rates.get(solver, 0.01) if isinstance(solver, str) else 1.0
    model = MLPClassifier(
        32, "tanh", solver=solver, learning_rate_init=rate, batch_size=20, random_state=0
    )
    assert model.fit(x, y).score(x, y) > 0.85


@unfinished
def test_learning_rates_over_time() -> None:
    x, y = two_moons()
    settings: Any = {"solver": "sgd", "learning_rate_init": 0.5, "random_state": 0}
    falling = MLPClassifier(8, learning_rate="invscaling", max_iter=3, **settings).fit(x, y)
    np.testing.assert_allclose(falling.model_.optimizer.learning_rate, 0.5 / np.sqrt(601))
    adaptive = MLPClassifier(
        8, learning_rate="adaptive", n_iter_no_change=2, tol=0.01, max_iter=1000, **settings
    ).fit(x, y)
    assert adaptive.model_.optimizer.learning_rate <= 1e-6
    assert adaptive.n_iter_ < 1000


def test_regression_of_one_number_and_of_two() -> None:
    x = np.linspace(-2, 2, 200)[:, None]
    y = np.column_stack([np.sin(2 * x[:, 0]), x[:, 0] ** 2])
    model = MLPRegressor(64, "tanh", learning_rate_init=0.01, max_iter=2000, random_state=0)
    both = model.fit(x, y)
    assert both.predict(x).shape == (200, 2)
    assert both.score(x, y) > 0.99
    one = model.fit(x, y[:, 0])
    assert one.predict(x).shape == (200,)
    assert one.score(x, y[:, 0]) > 0.99
    bounded = MLPRegressor(8, output_activation="sigmoid", max_iter=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert bounded.fit(x, y[:, 0]).predict(x).min() > 0


def test_a_loss_that_explodes_is_told_of() -> None:
    x, y = two_moons()
    with pytest.raises(DivergenceError, match="became"):
        MLPRegressor(8, solver="sgd", learning_rate_init=1e30, momentum=0.0).fit(x, y)


def test_progress_is_printed_if_asked_for(capsys: Any) -> None:
    x, y = two_moons()
    MLPClassifier(8, verbose=True, random_state=0).partial_fit(x, y, classes=[0, 1])
    assert capsys.readouterr().out.startswith("Iteration 1, loss = 0.")
    MLPClassifier(8, random_state=0).partial_fit(x, y, classes=[0, 1])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("early_stopping", [False, True])
def test_an_interrupt_leaves_an_estimator_that_predicts(early_stopping: bool) -> None:
    x, y = two_moons(2000)
    model = MLPClassifier((64, 64), max_iter=10**6, tol=0, n_iter_no_change=10**6)
    model.set_params(early_stopping=early_stopping)

    def interrupt() -> None:
        deadline = time.monotonic() + 60
        while not (hasattr(model, "_record") and model._record.losses):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.warns(ConvergenceWarning, match="interrupted after"):
        model.fit(x, y)
    thread.join()
    assert model.n_iter_ >= 1
    assert np.isfinite(model.predict_proba(x)).all()
    for weights, best in zip(model.coefs_, model._record.best_weights[::2], strict=False):
        np.testing.assert_array_equal(weights, best)


def test_an_interrupt_before_the_first_epoch_ends_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: Any, **how: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Sequential, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        MLPClassifier((4,)).fit(*two_moons(50))


@unfinished
def test_features_of_a_network_for_a_logistic_regression() -> None:
    x, y = two_moons(400)
    network = MLPClassifier((32, 8), learning_rate_init=0.02, random_state=0).fit(x, y)
    features = network.model_[:-1].predict(x.astype(np.float64))
    assert LogisticRegression().fit(features, y).score(features, y) > 0.95
    assert LogisticRegression().fit(x, y).score(x, y) < 0.95


@unfinished
@pytest.mark.parametrize("shape", [(1, 8, 8), (8, 8)])
def test_images_with_and_without_channels(backend: Any, shape: tuple[int, ...]) -> None:
    from nnaccel.data import digits

    (x, y), (x_test, y_test) = digits()
    settings: Any = {"hidden_layer_sizes": 32, "learning_rate_init": 0.01, "max_iter": 8}
    model = ConvNetClassifier((4, 8), batch_size=32, random_state=0, **settings)
    names = np.array([f"digit {i}" for i in range(10)])
    model.fit(x[:800].reshape(-1, *shape), names[y[:800]])
    assert model.score(x_test.reshape(-1, *shape), names[y_test]) > 0.93
    rows = model.predict_proba(x_test.reshape(len(x_test), 64))
    np.testing.assert_array_equal(rows, model.predict_proba(x_test))
    scaled = model.predict_proba((x_test / 255).astype(np.float32))
    np.testing.assert_allclose(scaled, rows, atol=1e-5)


@unfinished
def test_the_shape_of_an_image_given_as_a_row() -> None:
    x, y = two_moons(60)
    wide = np.repeat(x, 6, axis=1)
    model = ConvNetClassifier(4, hidden_layer_sizes=8, max_iter=2)
    assert model.fit(wide, y).model_.input_shape == (1, 1, 12)
    assert model.fit(wide[:, :9], y).model_.input_shape == (1, 3, 3)
    model.set_params(image_shape=(3, 2, 2))
    assert model.fit(wide, y).model_.input_shape == (3, 2, 2)
    with pytest.raises(ValueError, match=r"expected images \(N, H, W\)"):
        model.fit(np.ones((60, 1, 2, 2, 2)), y)


@unfinished
def test_two_threads_train_at_once() -> None:
    x, y = two_moons()
    expected = MLPClassifier(16, max_iter=30, random_state=0).fit(x, y).coefs_[0]
    found: list[np.ndarray] = []

    def train() -> None:
        found.append(MLPClassifier(16, max_iter=30, random_state=0).fit(x, y).coefs_[0])

    threads = [threading.Thread(target=train) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    for weights in found:
        np.testing.assert_array_equal(weights, expected)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_rows_to_predict_are_checked_whatever_their_form(kind: Any) -> None:
    x = np.random.default_rng(0).normal(size=(30, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = kind(max_iter=2, random_state=0).fit(x, np.arange(30) % 2)
    wanted = model.predict(x)
    for same in (x.tolist(), np.asfortranarray(x), x.astype(object)):
        np.testing.assert_array_equal(model.predict(same), wanted)
    spoilt = x.copy()
    spoilt[3, 1] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        model.predict(spoilt)
    with pytest.raises(ValueError, match="3 features"):
        model.predict(x[:, :3])
    with pytest.raises(ValueError, match="0 sample"):
        model.predict(x[:0])
