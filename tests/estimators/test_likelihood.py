"""Logistic and softmax regression: the tutorial's numbers, separation, weights, summaries."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import linprog, minimize
from sklearn import linear_model
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

from nnaccel.estimators import (
    CollinearityWarning,
    LogisticRegression,
    SeparationWarning,
    SoftmaxRegression,
)
from nnaccel.training.divergence import DivergenceError


def noisy(seed: int, rows: int, columns: int, classes: int = 2) -> Any:
    """Rows whose classes overlap."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns))
    y = (x @ rng.normal(size=(columns, classes)) + 3 * rng.gumbel(size=(rows, classes))).argmax(1)
    return x, y


def test_the_tutorials_irises_by_newton(backend: Any, two_irises: Any) -> None:
    x, y = two_irises
    model = LogisticRegression().fit(x, y)
    assert round(float(model.intercept_[0]), 5) == -39.83851
    np.testing.assert_array_equal(model.coef_.round(5), [[-31.73243, 105.16992]])
    assert round(model.log_likelihood(x, y), 5) == -11.92523
    assert model.n_iter_ < 12
    assert list(model.classes_) == ["versicolor", "virginica"]


def test_the_tutorials_irises_by_descent(two_irises: Any) -> None:
    x, y = two_irises
    model = LogisticRegression("gd", learning_rate=5, max_iter=500_000, tol=1e-12)
    model.fit(x, y, coef_init=1, intercept_init=1)
    assert round(float(model.intercept_[0]), 5) == -39.83851
    np.testing.assert_array_equal(model.coef_.round(5), [[-31.73243, 105.16992]])
    assert 300_000 < model.n_iter_ < 500_000


@given(seed=st.integers(0, 100), columns=st.integers(1, 4), intercept=st.booleans())
def test_newton_finds_what_a_general_optimiser_does(
    backend: Any, seed: int, columns: int, intercept: bool
) -> None:
    x, y = noisy(seed, 80, columns)
    design = np.column_stack([np.ones(80), x]) if intercept else x

    def loss(w: np.ndarray) -> float:
        z = design @ w
        return float(np.logaddexp(0, z).sum() - z[y == 1].sum())

    expected = minimize(loss, np.zeros(design.shape[1]), method="BFGS", tol=1e-10).x
    model = LogisticRegression(fit_intercept=intercept).fit(x, y)
    found = np.concatenate([model.intercept_, model.coef_[0]]) if intercept else model.coef_[0]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    assert model.log_likelihood(x, y) >= -loss(expected) - 1e-9


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "gd"])
def test_solvers_agree_on_three_classes(backend: Any, solver: str) -> None:
    x, y = noisy(1, 120, 3, classes=3)
    best = SoftmaxRegression("newton").fit(x, y)
    model = SoftmaxRegression(solver, learning_rate=0.5).fit(x, y)
    np.testing.assert_allclose(model.coef_, best.coef_, atol=1e-5)
    np.testing.assert_allclose(model.intercept_, best.intercept_, atol=1e-5)
    np.testing.assert_allclose(model.coef_.sum(axis=0), 0, atol=1e-9)


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e12])
@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_units_of_variables_do_not_decide_where_a_solver_stops(solver: str, unit: float) -> None:
    x, y = noisy(1, 120, 3, classes=3)
    best = SoftmaxRegression("newton").fit(x, y)
    model = SoftmaxRegression(solver).fit(unit * x + 5 * unit, y)
    np.testing.assert_allclose(unit * model.coef_, best.coef_, atol=1e-5)
    np.testing.assert_allclose(
        model.intercept_ + 5 * unit * model.coef_.sum(axis=1), best.intercept_, atol=1e-5
    )


def test_softmax_of_two_classes_is_logistic_regression(two_irises: Any) -> None:
    x, y = two_irises
    for penalty in (None, "l2"):
        logistic = LogisticRegression(penalty=penalty).fit(x, y)
        softmax = SoftmaxRegression(penalty=penalty).fit(x, y)
        np.testing.assert_array_equal(softmax.coef_, logistic.coef_)
        np.testing.assert_array_equal(softmax.predict_proba(x), logistic.predict_proba(x))
        assert str(softmax.summary()) == str(logistic.summary())


def test_the_gradient_is_prediction_minus_target(backend: Any) -> None:
    x, y = noisy(2, 50, 2, classes=3)
    model = SoftmaxRegression("gd", learning_rate=0.3, max_iter=5, tol=1e9).fit(x, y)
    design, coef, one_hot = np.column_stack([np.ones(50), x]), np.zeros((3, 3)), np.eye(3)[y]
    for _ in range(5):
        z = np.exp(design @ coef)
        coef -= 0.3 * design.T @ (z / z.sum(axis=1, keepdims=True) - one_hot) / 50
    np.testing.assert_allclose(model.intercept_, coef[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.coef_, coef[1:].T, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "gd"])
def test_the_penalty_is_that_of_scikit_learn(solver: str) -> None:
    x, y = noisy(3, 100, 4, classes=3)
    weights = np.random.default_rng(0).uniform(0, 2, 100)
    expected = linear_model.LogisticRegression(C=0.3, tol=1e-10, max_iter=1000).fit(x, y, weights)
    model = SoftmaxRegression(solver, penalty="l2", C=0.3, learning_rate=0.5).fit(x, y, weights)
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-4)
    np.testing.assert_allclose(
        model.intercept_, expected.intercept_ - expected.intercept_.mean(), atol=1e-4
    )


@pytest.mark.parametrize("solver", ["newton", "gd"])
def test_weights_are_repetitions(solver: str) -> None:
    x, y = noisy(4, 60, 2)
    weights = np.random.default_rng(1).integers(0, 4, 60)
    model = LogisticRegression(solver, learning_rate=1.0)
    weighted = model.fit(x, y, weights).coef_
    repeated = model.fit(x.repeat(weights, axis=0), y.repeat(weights)).coef_
    np.testing.assert_allclose(weighted, repeated, rtol=1e-6)


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_the_unit_of_weights_does_not_decide_where_newton_stops(unit: float) -> None:
    x, y = noisy(4, 60, 2)
    expected, model = LogisticRegression().fit(x, y), LogisticRegression()
    model.fit(x, y, np.full(60, unit))
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-9)
    assert model.n_iter_ == expected.n_iter_


@pytest.mark.parametrize("model", [LogisticRegression(), LogisticRegression("gd", learning_rate=1)])
def test_complete_separation_is_said(model: LogisticRegression) -> None:
    x = np.arange(8.0)[:, None]
    with pytest.warns(SeparationWarning, match="told apart without a mistake") as told:
        model.fit(x, x[:, 0] > 3.5)
    assert len(told) == 1
    assert told[0].filename == __file__
    assert model.score(x, x[:, 0] > 3.5) == 1
    assert "Perfect separation" in str(model.summary())
    assert model.summary().as_dict()["residual_deviance"] == 0
    assert np.isfinite(model.coef_).all()


def test_quasi_separation_is_said_too() -> None:
    x = np.array([0.0, 1, 2, 3, 3, 4, 5, 6])[:, None]  # both classes at 3
    with pytest.warns(SeparationWarning, match=r"'\(Intercept\)' and 'x0' have no estimate"):
        LogisticRegression().fit(x, [0, 0, 0, 0, 1, 1, 1, 1])


def test_estimates_beside_a_separated_group_keep_their_errors() -> None:
    x, y = noisy(12, 90, 2)
    group = np.arange(90) % 3
    y[group == 1] = 1
    dummies = np.column_stack([x, group == 1, group == 2])
    with pytest.warns(SeparationWarning, match="some coefficients of 'x2' have no estimate"):
        summary = LogisticRegression().fit(dummies, y).summary()
    rest = group != 1
    without = LogisticRegression().fit(dummies[rest][:, [0, 1, 3]], y[rest]).summary()
    for name in ("estimate", "std_error"):
        of_all, of_rest = (getattr(s.coefficients[0], name) for s in (summary, without))
        np.testing.assert_allclose(np.delete(of_all, 3), of_rest, rtol=1e-5)
    assert np.isnan(summary.coefficients[0].std_error[3])
    assert summary.facts["separation"] == "quasi-complete"
    assert "some estimates of 'x2' have no limit" in str(summary)


def test_many_classes_of_few_rows_are_separated() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 2, (40, 4)), rng.integers(0, 15, 40)
    with pytest.warns(SeparationWarning):
        SoftmaxRegression().fit(x, y)


@given(seed=st.integers(0, 1000))
def test_separation_is_what_a_linear_program_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 3, (rng.integers(6, 16), 2)).astype(float)
    y = np.r_[0, 1, rng.integers(0, 2, len(x) - 2)]
    design = np.column_stack([np.ones(len(x)), x]) * (2 * y - 1)[:, None]
    best = linprog(-design.sum(axis=0), A_ub=-design, b_ub=np.zeros(len(x)), bounds=[(-1, 1)] * 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollinearityWarning)
        warnings.simplefilter("ignore", SeparationWarning)
        found = LogisticRegression().fit(x, y).summary().facts["separation"]
    assert (found != "none") == (best.fun < -1e-7)


def test_what_misleads_a_search_for_separation() -> None:
    """An outlier, units far apart, a row that does not count, and columns that nearly agree."""
    rng = np.random.default_rng(0)
    x = rng.random(200)
    y = (rng.random(200) < 1 / (1 + np.exp(-3 * (x - 0.5)))).astype(int)
    x[0], y[0] = 999_999, 1  # a code for missing; a warning would be an error
    assert np.isfinite(
        LogisticRegression().fit(x[:, None], y).summary().coefficients[0].std_error[1]
    )

    z, rare = rng.normal(size=300), np.arange(300) < 6
    y = (rng.random(300) < 0.5).astype(int)
    y[rare] = 1
    weights = np.ones(300)
    weights[20] = 0
    z[20] = 1e14
    year = 1990 + np.arange(300.0) // 10
    for columns, name in (
        ([1e9 * rare, z / 1e9], "'x0'"),
        ([z, rare], "'x1'"),
        ([year, year**2, year**3, rare], "'x3'"),
    ):
        with pytest.warns(SeparationWarning, match=f"some coefficients of {name} have no estimate"):
            LogisticRegression().fit(np.column_stack(columns), y, weights)


@pytest.mark.parametrize("unit", [1e-8, 1.0, 1e8])
def test_errors_do_not_depend_on_units(unit: float) -> None:
    x, y = noisy(13, 200, 2)
    wanted = LogisticRegression().fit(x, y).summary().coefficients[0].std_error
    scaled = LogisticRegression().fit(x * [unit, 1 / unit], y).summary().coefficients[0].std_error
    np.testing.assert_allclose(scaled * [1, unit, 1 / unit], wanted, rtol=1e-6)


def test_standard_errors_do_not_depend_on_the_unit_of_weights() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(60, 3))
        y = x @ [2, -1, 0.5] + rng.logistic(size=60) > 0
        small, whole = (
            LogisticRegression(tol=1e-2).fit(x, y, sample_weight=np.full(60, weight))
            for weight in (2.0**-40, 1.0)
        )
        for ours, theirs in zip(
            small.summary().coefficients, whole.summary().coefficients, strict=True
        ):
            np.testing.assert_allclose(ours.std_error / 2**20, theirs.std_error, rtol=1e-6)


def test_a_class_without_weight_is_refused() -> None:
    x, y = noisy(14, 60, 2, classes=3)
    with pytest.raises(ValueError, match="all rows of class 2 have weight 0"):
        SoftmaxRegression().fit(x, y, (y != 2).astype(float))


def test_no_tests_of_what_is_no_maximum_likelihood() -> None:
    x, y = noisy(7, 50, 2)
    penalised = LogisticRegression(penalty="l2").fit(x, y).summary()
    with pytest.warns(ConvergenceWarning):
        halfway = LogisticRegression("gd", max_iter=3).fit(x, y).summary()
    for summary in (penalised, halfway):
        assert np.isnan(summary.coefficients[0].p_value).all()
        assert summary.as_dict()["aic"] is None
    assert "without a penalty" in str(penalised)
    assert str(penalised).count("without a penalty") == 1
    assert "intervals, tests and AIC need maximum likelihood" in str(penalised.confint())
    assert not LogisticRegression().fit(x, y).confint().notes
    assert "did not converge" in str(halfway)


def test_one_class_apart_from_two_others_is_said() -> None:
    data = load_iris()
    with pytest.warns(SeparationWarning):
        model = SoftmaxRegression().fit(data.data, data.target)
    assert 0.97 < model.score(data.data, data.target) < 1


def test_a_class_that_never_occurs_where_two_others_do_is_said() -> None:
    x, y = np.repeat([0, 0, 0, 1, 1], 20)[:, None], np.repeat(["a", "b", "c", "a", "b"], 20)
    with pytest.warns(SeparationWarning):
        model = SoftmaxRegression().fit(x, y)
    free = np.isfinite(model.summary().coefficients[0].std_error)
    assert free.all()  # of b against a


@given(seed=st.integers(0, 200))
def test_overlapping_classes_are_not_called_separated(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, 2))
    y = (rng.normal(size=40) > 0).astype(int)
    y[:2] = 0, 1
    x[1] = x[0]  # two classes at one place,
    x[2:4], y[2:4] = x[0] + [[1, 0], [1, 0]], [0, 1]
    x[4:6], y[4:6] = x[0] + [[0, 1], [0, 1]], [0, 1]  # and at enough others
    model = LogisticRegression().fit(x, y)  # a warning would be an error
    assert model.summary().as_dict()["separation"] == "none"


def test_against_another_reference_a_separated_class_spoils_nothing_else() -> None:
    x, y = noisy(9, 300, 2, classes=3)
    model = SoftmaxRegression().fit(x, y)
    by_hand = model.coef_[2] - model.coef_[1]
    table = {block.title: block for block in model.summary(reference=1).coefficients}
    assert list(table) == ["Log-odds of 0 against 1", "Log-odds of 2 against 1"]
    np.testing.assert_allclose(table["Log-odds of 2 against 1"].estimate[1:], by_hand)
    first = model.summary().coefficients[0]
    np.testing.assert_allclose(table["Log-odds of 0 against 1"].std_error, first.std_error)

    x[y == 0] += 50  # told apart from both others
    with pytest.warns(SeparationWarning):
        model.fit(x, y)
    assert np.isnan([block.std_error for block in model.summary().coefficients]).all()
    apart, others = model.summary(reference=1).coefficients
    alone = LogisticRegression().fit(x[y > 0], y[y > 0]).summary().coefficients[0]
    assert np.isnan(apart.std_error).all()
    np.testing.assert_allclose(others.estimate, alone.estimate, rtol=1e-4)
    np.testing.assert_allclose(others.std_error, alone.std_error, rtol=1e-4)
    with pytest.raises(ValueError, match=r"reference=7 must be one of the classes \[0, 1, 2\]"):
        model.summary(reference=7)


def test_a_penalty_ends_separation() -> None:
    x = np.arange(8.0)[:, None]
    model = LogisticRegression(penalty="l2").fit(x, x[:, 0] > 3.5)
    assert model.coef_[0, 0] < 5


def test_collinear_columns_are_named_here_too() -> None:
    x, y = noisy(5, 60, 2)
    with pytest.warns(CollinearityWarning, match="'x0', 'x1' and 'x2'"):
        model = LogisticRegression().fit(np.column_stack([x, x.sum(axis=1)]), y)
    np.testing.assert_allclose(
        model.decision_function(np.column_stack([x, x.sum(axis=1)])),
        LogisticRegression().fit(x, y).decision_function(x),
        rtol=1e-6,
    )


@pytest.mark.parametrize("solver", ["newton", "gd"])
def test_what_the_rows_do_not_settle_has_no_error_and_takes_no_freedom(solver: str) -> None:
    x, y = noisy(5, 60, 2)
    column, constant = x[:, :1], np.ones((60, 1))
    model = LogisticRegression(solver, learning_rate=0.5)
    alone = model.fit(column, y).summary().facts
    with pytest.warns(CollinearityWarning):
        model.fit(np.hstack([column, 2 * column, constant]), y)
    summary = model.summary()
    std_error = summary.coefficients[0].std_error
    np.testing.assert_array_equal(np.isnan(std_error), [False, True, True, True])
    np.testing.assert_allclose(model.coef_[0, 1], 2 * model.coef_[0, 0])  # of least norm
    assert summary.facts["degrees_of_freedom"] == alone["degrees_of_freedom"] == 58
    np.testing.assert_allclose(summary.facts["aic"], alone["aic"])


@pytest.mark.parametrize("gap", [1e-4, 1e-6, 1e-8])
def test_columns_that_nearly_agree_are_told_apart(backend: Any, gap: float) -> None:
    x, y = noisy(5, 200, 2)
    near = np.column_stack([x[:, 0], x[:, 0] + gap * x[:, 1]])
    expected, model = LogisticRegression().fit(x, y), LogisticRegression().fit(near, y)
    np.testing.assert_allclose(model.log_likelihood(near, y), expected.log_likelihood(x, y))
    np.testing.assert_allclose(gap * model.coef_[0, 1], expected.coef_[0, 1], rtol=1e-6)
    errors = [fit.summary().coefficients[0].std_error[2] for fit in (expected, model)]
    np.testing.assert_allclose(gap * errors[1], errors[0], rtol=1e-6)


def test_far_from_zero_is_no_trouble() -> None:
    x, y = noisy(6, 100, 2)
    near, far = LogisticRegression().fit(x, y), LogisticRegression().fit(1e-6 * x + 1e3, y)
    np.testing.assert_allclose(far.coef_ * 1e-6, near.coef_, rtol=1e-5)


@pytest.mark.parametrize("intercept", [False, True])
def test_a_switch_of_numpy_is_one(intercept: bool) -> None:
    x, y = noisy(5, 60, 2)
    of_python, of_numpy = (
        LogisticRegression(fit_intercept=kind(intercept)).fit(x, y) for kind in (bool, np.bool_)
    )
    np.testing.assert_array_equal(of_numpy.coef_, of_python.coef_)


def test_descent_tells_of_its_steps() -> None:
    x, y = noisy(7, 50, 2)
    with pytest.warns(ConvergenceWarning, match="10 steps were made"):
        LogisticRegression("gd", max_iter=10).fit(x, y)
    with pytest.raises(DivergenceError, match="give one below"):
        SoftmaxRegression("gd", penalty="l2", C=1e-9, learning_rate=100.0).fit(1e8 * x, y)
    with pytest.raises(ValueError, match="say where solver='gd' starts"):
        LogisticRegression().fit(x, y, coef_init=1.0)


def test_probabilities_and_log_likelihood_belong_together() -> None:
    x, y = noisy(8, 60, 3, classes=4)
    labels = np.array(["north", "east", "south", "west"])[y]
    model = SoftmaxRegression().fit(x, labels)
    p = model.predict_proba(x)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(x)), p)
    own = p[np.arange(60), np.searchsorted(model.classes_, labels)]
    np.testing.assert_allclose(model.log_likelihood(x, labels), np.log(own).sum())
    np.testing.assert_array_equal(model.predict(x), model.classes_[p.argmax(axis=1)])
    with pytest.raises(ValueError, match="label 'up' is new"):
        model.log_likelihood(x[:1], ["up"])
    with pytest.raises(ValueError, match="expected 60 labels"):
        model.log_likelihood(x, labels[:5])


def test_logistic_summary_by_the_textbook(two_irises: Any) -> None:
    x, y = two_irises
    model = LogisticRegression().fit(x, y)
    p = model.predict_proba(x)[:, 1]
    design = np.column_stack([np.ones(100), x])
    covariance = np.linalg.inv(design.T @ (design * (p * (1 - p))[:, None]))
    facts = model.summary(["sepal", "petal"]).as_dict()
    (table,) = facts["coefficients"].values()
    for i, name in enumerate(["(Intercept)", "sepal", "petal"]):
        z = np.r_[model.intercept_, model.coef_[0]][i] / math.sqrt(covariance[i, i])
        np.testing.assert_allclose(table[name]["z_value"], z, rtol=1e-6)
        np.testing.assert_allclose(table[name]["p_value"], 2 * stats.norm.sf(abs(z)), rtol=1e-5)
    np.testing.assert_allclose(facts["residual_deviance"], 2 * 11.92523, rtol=1e-6)
    np.testing.assert_allclose(facts["null_deviance"], 200 * math.log(2))
    np.testing.assert_allclose(facts["aic"], 2 * 11.92523 + 6, rtol=1e-6)
    assert "Log-odds of virginica against versicolor:" in str(model.summary())


def test_degrees_of_freedom_count_every_class_but_one_of_each_row() -> None:
    x, y = noisy(9, 300, 2, classes=3)
    facts = SoftmaxRegression().fit(x, y).summary().facts
    assert facts["null_degrees_of_freedom"] == 598
    assert facts["degrees_of_freedom"] == 594


def test_softmax_summary_is_of_contrasts_with_the_first_class() -> None:
    x, y = noisy(9, 300, 2, classes=3)
    found = SoftmaxRegression().fit(x, y).summary().as_dict()["coefficients"]
    assert list(found) == ["Log-odds of 1 against 0", "Log-odds of 2 against 0"]
    # By finite differences of the likelihood, in the four slopes and two constants of 1 and 2.
    design, one_hot = np.column_stack([np.ones(300), x]), np.eye(3)[y]

    def score(free: np.ndarray) -> np.ndarray:
        z = np.exp(design @ np.column_stack([np.zeros(3), free.reshape(3, 2)]))
        return (design.T @ (one_hot - z / z.sum(axis=1, keepdims=True)))[:, 1:].ravel()

    best = np.array(
        [
            [block[name]["estimate"] for block in found.values()]
            for name in found["Log-odds of 1 against 0"]
        ]
    ).ravel()
    information = np.array([(score(best - h) - score(best + h)) / 2e-5 for h in 1e-5 * np.eye(6)])
    errors = np.sqrt(np.diagonal(np.linalg.inv(information))).reshape(3, 2)
    for k, block in enumerate(found.values()):
        np.testing.assert_allclose(
            [row["std_error"] for row in block.values()], errors[:, k], rtol=1e-5
        )


def test_many_coefficients_have_no_errors_but_a_summary() -> None:
    x, y = noisy(10, 4000, 180, classes=6)
    y[:] = np.random.default_rng(0).integers(0, 6, 4000)
    model = SoftmaxRegression(tol=1e-5).fit(x, y)
    assert "Standard errors are not estimated" in str(model.summary())


def test_three_classes_are_too_many_for_one_sigmoid() -> None:
    x, y = noisy(11, 30, 2, classes=3)
    with pytest.raises(ValueError, match="take SoftmaxRegression"):
        LogisticRegression().fit(x, y)
    with pytest.raises(ValueError, match="one class only"):
        SoftmaxRegression().fit(x, np.zeros(30))
