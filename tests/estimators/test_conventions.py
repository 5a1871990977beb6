"""scikit-learn's own checks, and what its users do with an estimator."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from nnaccel.estimators import (
    ConvNetClassifier,
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
    SoftmaxRegression,
)

# Few epochs are enough here; that they were not enough for the networks is not the question.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CHECKED = [
    LinearRegression(),
    LinearRegression("gd", learning_rate=3e-5, max_iter=50_000),
    LinearRegression(fit_intercept=False),
    LogisticRegression(),
    LogisticRegression("gd", learning_rate=1e-3, max_iter=1000),
    LogisticRegression(penalty="l2"),
    SoftmaxRegression(),
    SoftmaxRegression("lbfgs"),
    SoftmaxRegression("gd", learning_rate=1e-3, max_iter=1000, penalty="l2"),
    MLPClassifier(),
    MLPClassifier((20, 20), "tanh", solver="sgd", learning_rate_init=0.05, alpha=0.01, l1=0.01),
    MLPClassifier((10,), solver="lbfgs"),
    MLPRegressor(),
    MLPRegressor((50, 50), "tanh", solver="rmsprop", learning_rate_init=0.003),
    ConvNetClassifier(),
    NetworkClassifier(),
    NetworkRegressor(),
]


@pytest.mark.parametrize("estimator", CHECKED, ids=lambda e: repr(e).replace(" ", "")[:60])
@pytest.mark.slow
def test_check_estimator_finds_no_fault(estimator: Any) -> None:
    settings: dict[str, Any] = {"on_fail": None, "on_skip": None}
    if isinstance(estimator, LogisticRegression | SoftmaxRegression) and estimator.solver == "gd":
        # Its 1,000 small steps do not go as far as weights of 1000 and 0.0001 ask.
        settings["expected_failed_checks"] = {"check_class_weight_classifiers": "too few steps"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its data are odd on purpose: separated, collinear, few
        results = check_estimator(estimator, **settings)
    assert len(results) > 50
    faults = [(r["check_name"], r["exception"]) for r in results if r["status"] == "failed"]
    assert not faults
    skipped = {r["check_name"] for r in results if r["status"] != "passed"}
    assert skipped <= {
        "check_array_api_input",  # for estimators that say they take such arrays
        "check_classifiers_multilabel_output_format_decision_function",  # there is no such method
        *settings.get("expected_failed_checks", ()),
    }


CLASSIFIERS = [
    LogisticRegression(penalty="l2"),
    SoftmaxRegression(penalty="l2"),
    MLPClassifier(30, learning_rate_init=0.01, batch_size=10, tol=0.01, random_state=0),
    ConvNetClassifier(
        (8,), hidden_layer_sizes=16, learning_rate_init=0.01, tol=0.01, random_state=0
    ),
]


def flowers(estimator: Any) -> tuple[np.ndarray, np.ndarray]:
    data = load_iris()
    chosen = data.target > 0 if isinstance(estimator, LogisticRegression) else data.target >= 0
    return data.data[chosen], data.target_names[data.target[chosen]]


@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=lambda e: type(e).__name__)
def test_pipelines_can_be_cross_validated_and_searched(estimator: Any) -> None:
    x, y = flowers(estimator)
    pipeline = make_pipeline(StandardScaler(), clone(estimator))
    assert cross_val_score(pipeline, x, y, cv=3).mean() > 0.9
    name = "c" if hasattr(estimator, "C") else "alpha"
    grid = {
        f"{type(estimator).__name__.lower()}__{name.upper() if name == 'c' else name}": [0.1, 1]
    }
    search = GridSearchCV(pipeline, grid, cv=3).fit(x, y)
    assert search.best_score_ > 0.9


@pytest.mark.parametrize("estimator", [*CLASSIFIERS, MLPRegressor(10, max_iter=500, tol=1.0)])
def test_copies_by_pickle_and_joblib_predict_the_same(estimator: Any, tmp_path: Path) -> None:
    x, y = flowers(estimator)
    model = clone(estimator).fit(x, x[:, 0] if isinstance(estimator, MLPRegressor) else y)
    joblib.dump(model, tmp_path / "model.joblib")
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")):
        np.testing.assert_array_equal(copy.predict(x), model.predict(x))
        assert copy.get_params() == model.get_params()


@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("labels", [[0, 1], [-1.0, 1.0], [False, True], ["b", "a"], [10**12, 3]])
def test_labels_of_any_type(estimator: Any, labels: list[Any]) -> None:
    x, _ = flowers(LogisticRegression())
    y = np.array(labels)[(np.arange(100) >= 50).astype(int)]
    model = clone(estimator).fit(x, y)
    predicted = model.predict(x)
    np.testing.assert_array_equal(model.classes_, np.unique(y))
    assert predicted.dtype == y.dtype
    assert (predicted == y).mean() > 0.9
    np.testing.assert_allclose(model.predict_proba(x).sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=lambda e: type(e).__name__)
def test_data_frames_keep_their_names(estimator: Any) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is an extra of the tests")
    x, y = flowers(estimator)
    frame = pandas.DataFrame(x, columns=["a", "b", "c", "d"])
    model = clone(estimator).fit(frame, pandas.Series(y, dtype="category"))
    assert list(model.feature_names_in_) == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(model.predict(frame), clone(estimator).fit(x, y).predict(x))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["b", "a", "c", "d"]])


@pytest.mark.parametrize("estimator", [*CLASSIFIERS, LinearRegression(), MLPRegressor()])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(estimator: Any, bad: float) -> None:
    x = np.ones((4, 4))
    x[2, 1] = bad
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        clone(estimator).fit(x, [0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        clone(LinearRegression()).fit(np.ones((2, 1)), [0, bad])


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (LinearRegression("qr"), "unknown solver 'qr'"),
        (LinearRegression(fit_intercept=2), "fit_intercept=2 must be True or False"),
        (LogisticRegression(fit_intercept="no"), "fit_intercept='no' must be True or False"),
        (LogisticRegression("newtn"), "Did you mean 'newton'"),
        (LogisticRegression(penalty="l3"), "unknown penalty 'l3'"),
        (LogisticRegression(penalty="l2", C=0.0), "C=0.0 must be a finite number above 0"),
        (LogisticRegression("gd", max_iter=0), "max_iter=0 must be a whole number"),
        (LogisticRegression("gd", learning_rate=-1.0), "learning_rate=-1.0"),
        (SoftmaxRegression(tol=-1.0), "tol=-1.0"),
        (MLPClassifier(activation="rellu"), "Did you mean 'relu'"),
        (MLPClassifier(solver="adm"), "Did you mean 'adam'"),
        (MLPClassifier(solver="lbfgs", early_stopping=True), "takes all rows at once"),
        (MLPClassifier(solver="lbfgs", dropout=0.5), "draws random numbers"),
        (MLPClassifier(solver="lbfgs", max_fun=0), "max_fun=0 must be a whole number"),
        (MLPClassifier(hidden_layer_sizes=(5, 0)), "hidden_layer_sizes=0 must be"),
        (MLPClassifier(alpha=-1.0), "alpha=-1.0 must be a finite number"),
        (MLPClassifier(dropout=1.0), "rate=1.0"),
        (MLPClassifier(power_t="half"), "power_t='half' must be a finite number"),
        (MLPClassifier(batch_size="all"), "unknown batch_size 'all'"),
        (MLPClassifier(learning_rate="adaptiv"), "Did you mean 'adaptive'"),
        (MLPClassifier(loss="logloss"), "Did you mean 'log_loss'"),
        (MLPClassifier(early_stopping=True, validation_fraction=1.5), "validation_fraction=1.5"),
        (MLPClassifier(shuffle="no"), "shuffle='no'"),
        (MLPClassifier(early_stopping=1), "early_stopping=1"),
        (ConvNetClassifier(filters=0), "filters=0 must be a whole number"),
        (ConvNetClassifier(image_shape=(3, 3)), "does not fit rows of 4"),
    ],
)
def test_bad_parameters_are_named(estimator: Any, message: str) -> None:
    x, y = flowers(LogisticRegression())
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        estimator.fit(x, y)


@pytest.mark.parametrize("estimator", [LinearRegression(), *CLASSIFIERS[:2]])
def test_numbers_whose_squares_overflow_are_refused(estimator: Any) -> None:
    x, y = np.array([[1.0], [2.0], [1e160], [3.0]]), [0, 1, 0, 1]
    with pytest.raises(ValueError, match=r"X runs from 1 to 1e\+160: the squares"):
        clone(estimator).fit(x, y)
    for weight in (1e-300, 1e300):
        with pytest.raises(ValueError, match="sample_weight is at most"):
            clone(estimator).fit(x[[0, 1]], y[:2], [weight, weight])


def test_numbers_beyond_float32_are_refused_by_its_networks() -> None:
    x, y = np.eye(4, dtype=np.float32), [0, 1, 0, 1]
    model = MLPClassifier(4, max_iter=2, random_state=0).fit(x, y)
    with pytest.raises(ValueError, match="the model's float32 ends at"):
        model.predict(x.astype(np.float64) * 1e60)


@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=lambda e: type(e).__name__)
def test_labels_of_several_types_are_refused_in_words(estimator: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"types|Unknown label|strings or numbers"):
        clone(estimator).fit(np.eye(4), np.array([0, "a", 0, "a"], object))


def test_names_of_features_differ() -> None:
    model = LinearRegression().fit(np.eye(3)[:, :2], [1, 2, 4])
    for names in (["a", "a"], ["a", "(Intercept)"]):
        with pytest.raises(ValueError, match="must differ"):
            model.summary(names)
