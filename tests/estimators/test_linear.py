"""Least squares: the tutorial's numbers, any rank, any weights, on every backend."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning

from nnaccel.estimators import CollinearityWarning, LinearRegression
from nnaccel.estimators._least_squares import inverse_factor
from nnaccel.training.divergence import DivergenceError


def random_problem(seed: int, rows: int, columns: int, responses: int = 1) -> Any:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns)) * rng.uniform(0.01, 100, columns) + rng.normal(
        size=columns
    )
    return x, x @ rng.normal(size=(columns, responses)) + rng.normal(size=(rows, responses))


def test_the_tutorials_line_by_both_solvers(height_wages: Any) -> None:
    x, y = height_wages
    solved = LinearRegression().fit(x, y)
    assert round(solved.intercept_, 6) == 2.945535
    assert round(float(solved.coef_[0]), 6) == 0.951942
    descended = LinearRegression("gd", learning_rate=0.1, max_iter=200)
    descended.fit(x, y, coef_init=0.1, intercept_init=0.1)
    assert round(descended.intercept_, 6) == 2.945535
    assert round(float(descended.coef_[0]), 6) == 0.951942
    assert descended.n_iter_ <= 200


def test_the_first_column_of_diabetes(backend: Any) -> None:
    x, y = load_diabetes(return_X_y=True)
    model = LinearRegression().fit(x[:, :1], y)
    assert round(model.intercept_, 8) == 152.13348416
    assert round(float(model.coef_[0]), 8) == 304.18307453


@given(
    seed=st.integers(0, 1000),
    rows=st.integers(1, 30),
    columns=st.integers(1, 10),
    responses=st.integers(1, 3),
    intercept=st.booleans(),
)
@pytest.mark.filterwarnings("ignore::nnaccel.estimators.CollinearityWarning")
def test_the_shortest_of_the_best(
    backend: Any, seed: int, rows: int, columns: int, responses: int, intercept: bool
) -> None:
    x, y = random_problem(seed, rows, columns, responses)
    model = LinearRegression(fit_intercept=intercept).fit(x, y)
    shift_x, shift_y = (a.mean(axis=0) if intercept else 0 * a.mean(axis=0) for a in (x, y))
    expected, _, rank, _ = np.linalg.lstsq(x - shift_x, y - shift_y)
    np.testing.assert_allclose(model.predict(x), (x - shift_x) @ expected + shift_y, atol=1e-7)
    np.testing.assert_allclose(model.coef_, expected.T, rtol=1e-6, atol=1e-8)
    assert model.rank_ == rank


def test_against_normal_equations_in_exact_arithmetic() -> None:
    x, y = [1, 2, 4, 7], [3, 1, 4, 1]
    n, sx, sy = 4, Fraction(sum(x)), Fraction(sum(y))
    sxx, sxy = sum(a * a for a in x), sum(a * b for a, b in zip(x, y, strict=True))
    slope = (n * sxy - sx * sy) / (n * sxx - sx * sx)
    model = LinearRegression().fit(np.array(x)[:, None], y)
    np.testing.assert_allclose(model.coef_, [float(slope)], rtol=1e-14)
    np.testing.assert_allclose(model.intercept_, float((sy - slope * sx) / n), rtol=1e-14)


def test_a_badly_conditioned_polynomial_keeps_its_digits() -> None:
    t = np.linspace(1900, 2000, 60)
    x = np.column_stack([t, t**2])  # a condition number of 1e7 after centring
    y = 5 + 0.3 * t - 1e-4 * t**2
    model = LinearRegression().fit(x, y)
    np.testing.assert_allclose(model.coef_, [0.3, -1e-4], rtol=1e-6)


def test_columns_that_are_nearly_dependent_in_many_small_steps_keep_their_digits() -> None:
    # W. Kahan, "Numerical linear algebra", 1966: no pivot is small, and the condition is 3e7.
    cosine = np.cos(0.27)
    above = np.triu(np.ones((60, 60)), 1)
    r = np.diag(cosine ** np.arange(60)) @ (np.eye(60) - np.sin(0.27) * above)
    x = np.linalg.qr(np.random.default_rng(0).normal(size=(200, 60)))[0] @ r
    y = x.sum(axis=1) + 1e-3 * np.random.default_rng(1).normal(size=200)
    found = LinearRegression(fit_intercept=False).fit(x, y).coef_
    expected = np.linalg.lstsq(x, y, rcond=None)[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7 * np.abs(expected).max())
    assert inverse_factor(r.T @ r / (r * r).sum(axis=0), 1e4) is None


@pytest.mark.parametrize("unit", [1e-162, 1e-158, 1e-100, 1e100])
def test_squares_that_underflow_cost_no_digits(unit: float) -> None:
    x, y = random_problem(1, 80, 3)
    found = LinearRegression().fit(x * unit, y[:, 0])
    assert found.rank_ == 3
    expected = LinearRegression().fit(x, y[:, 0]).coef_
    np.testing.assert_allclose(found.coef_ * unit, expected, rtol=1e-9)
    errors = found.summary().coefficients[0].std_error
    usual = LinearRegression().fit(x, y[:, 0]).summary().coefficients[0].std_error
    np.testing.assert_allclose(errors * [1, unit, unit, unit], usual, rtol=1e-9)


@pytest.mark.parametrize("kind", ["constant", "HC3"])
def test_variances_that_overflow_are_told(kind: str) -> None:
    x, y = random_problem(1, 80, 2)
    x = x * [1, 1e-160]
    model = LinearRegression().fit(x, y[:, 0])
    with pytest.raises(ValueError, match="variance of the coefficient of 'x1' overflows"):
        model.diagnose(x, y[:, 0]).vcov(kind)


def test_weights_with_which_squares_overflow_are_refused() -> None:
    x, y = random_problem(0, 30, 2)
    with pytest.raises(ValueError, match="give weights of about 1"):
        LinearRegression().fit(x * 1e100, y, sample_weight=np.full(30, 1e130))


def test_units_do_not_decide_the_rank() -> None:
    x, y = random_problem(0, 50, 3)
    model = LinearRegression().fit(x * [1e-9, 1, 1e9], y[:, 0])
    assert model.rank_ == 3
    expected = LinearRegression().fit(x, y[:, 0]).coef_
    np.testing.assert_allclose(model.coef_ * [1e-9, 1, 1e9], expected, rtol=1e-8)


def test_collinear_columns_are_named() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is an extra of the tests")
    x, y = load_diabetes(return_X_y=True, as_frame=True)
    x = x.assign(total=x["age"] + 2 * x["bp"], one=3.3)
    with pytest.warns(CollinearityWarning) as told:
        model = LinearRegression().fit(x, y)
    assert len(told) == 1
    assert "columns 'age', 'bp' and 'total' are linearly dependent" in str(told[0].message)
    assert "column 'one' is constant" in str(told[0].message)
    assert told[0].filename == __file__
    np.testing.assert_allclose(
        model.predict(x), LinearRegression().fit(x.iloc[:, :10], y).predict(x.iloc[:, :10])
    )
    table = str(model.summary())
    assert [line.split()[0] for line in table.splitlines() if "NA" in line.split()] == [
        "age", "bp", "total", "one",
    ]  # fmt: skip
    assert isinstance(x, pandas.DataFrame)


def test_a_column_whose_squares_underflow_is_told() -> None:
    x = np.random.default_rng(0).normal(size=(30, 2)) * [1, 1e-200]
    with pytest.warns(CollinearityWarning, match="^column 'x1' is so small that its squares are 0"):
        LinearRegression().fit(x, x[:, 0])


def test_a_column_that_varies_by_rounding_only_is_called_constant() -> None:
    x = 1e6 + 1e-10 * np.arange(6.0)[:, None]
    assert np.ptp(x) > 0
    with pytest.warns(CollinearityWarning, match="^column 'x0' is constant, as the intercept is"):
        model = LinearRegression().fit(x, np.arange(6.0))
    np.testing.assert_array_equal(model.coef_, [0])


def test_more_variables_than_rows() -> None:
    x, y = random_problem(1, 4, 9)
    with pytest.warns(CollinearityWarning, match="4 rows cannot determine 9 coefficients"):
        model = LinearRegression().fit(x, y[:, 0])
    np.testing.assert_allclose(model.predict(x), y[:, 0])
    assert "NA" in str(model.summary())


def test_weights_are_repetitions(backend: Any) -> None:
    x, y = random_problem(2, 20, 3)
    weights = np.random.default_rng(0).integers(0, 4, 20)
    repeated = LinearRegression().fit(x.repeat(weights, axis=0), y.repeat(weights, axis=0))
    model = LinearRegression().fit(x, y, weights)
    np.testing.assert_allclose(model.coef_, repeated.coef_, rtol=1e-9)
    one = LinearRegression("gd", learning_rate=1e-5, max_iter=50, tol=1e9)
    np.testing.assert_allclose(
        one.fit(x, y, weights).coef_,
        one.fit(x.repeat(weights, axis=0), y.repeat(weights, axis=0)).coef_,
        rtol=1e-9,
    )


def test_descent_takes_the_gradients_steps(backend: Any) -> None:
    x, y = random_problem(3, 30, 2, responses=2)
    x /= x.std(axis=0)
    model = LinearRegression("gd", learning_rate=0.05, max_iter=7, tol=1e9)
    model.fit(x, y, coef_init=np.ones((2, 2)), intercept_init=[1.0, 2.0])
    design = np.column_stack([np.ones(30), x])
    coef = np.array([[1.0, 2.0], [1.0, 1.0], [1.0, 1.0]])
    for _ in range(model.n_iter_):
        coef -= 0.05 * design.T @ (design @ coef - y) / 30
    assert model.n_iter_ == 7
    np.testing.assert_allclose(model.intercept_, coef[0], rtol=1e-10)
    np.testing.assert_allclose(model.coef_, coef[1:].T, rtol=1e-10)


def test_descent_tells_how_to_converge() -> None:
    x, y = random_problem(4, 30, 2)
    design = np.column_stack([np.ones(30), x])
    largest = 2 / np.linalg.eigvalsh(design.T @ design / 30).max()
    with pytest.raises(DivergenceError, match=f"give one below {largest:.2g}"):
        LinearRegression("gd", learning_rate=3 * largest, max_iter=10_000).fit(x, y)
    with pytest.warns(ConvergenceWarning, match="max_iter=3 steps"):
        LinearRegression("gd", learning_rate=0.9 * largest, max_iter=3).fit(x, y)


def test_summary_against_scipy(height_wages: Any) -> None:
    x, y = height_wages
    expected = stats.linregress(x[:, 0], y)
    facts = LinearRegression().fit(x, y).summary(["height"], "wages").as_dict()
    slope, first = facts["coefficients"]["height"], facts["coefficients"]["(Intercept)"]
    np.testing.assert_allclose(slope["estimate"], expected.slope)
    np.testing.assert_allclose(slope["std_error"], expected.stderr)
    np.testing.assert_allclose(slope["p_value"], expected.pvalue)
    np.testing.assert_allclose(first["std_error"], expected.intercept_stderr)
    np.testing.assert_allclose(facts["r_squared"], expected.rvalue**2)
    residuals = y - expected.intercept - expected.slope * x[:, 0]
    np.testing.assert_allclose(facts["residual_sum_of_squares"], residuals @ residuals)
    # With one variable F is the square of t.
    np.testing.assert_allclose(facts["f_statistic"], slope["t_value"] ** 2)
    np.testing.assert_allclose(facts["f_p_value"], slope["p_value"])


def test_summary_of_several_variables_by_the_textbook() -> None:
    x, y = random_problem(5, 40, 3)
    design = np.column_stack([np.ones(40), x])
    covariance = np.linalg.inv(design.T @ design)
    coef = covariance @ design.T @ y[:, 0]
    rss = ((y[:, 0] - design @ coef) ** 2).sum()
    errors = np.sqrt(rss / 36 * np.diagonal(covariance))
    found = LinearRegression().fit(x, y[:, 0]).summary().as_dict()
    for i, name in enumerate(["(Intercept)", "x0", "x1", "x2"]):
        row = found["coefficients"][name]
        np.testing.assert_allclose(row["std_error"], errors[i], rtol=1e-9)
        np.testing.assert_allclose(row["p_value"], 2 * stats.t(36).sf(abs(coef[i] / errors[i])))
    assert (found["degrees_of_freedom"], found["observations"]) == (36, 40)


def test_summary_without_intercept_and_for_two_responses() -> None:
    x, y = random_problem(6, 40, 2, responses=2)
    model = LinearRegression(fit_intercept=False).fit(x, y)
    facts = model.summary(target=["left", "right"]).as_dict()
    assert list(facts["coefficients"]) == [
        "Response left, coefficients", "Response right, coefficients",
    ]  # fmt: skip
    rss = ((y - model.predict(x)) ** 2).sum(axis=0)
    np.testing.assert_allclose(facts["left: r_squared"], 1 - rss[0] / (y[:, 0] ** 2).sum())
    np.testing.assert_allclose(facts["right: residual_sum_of_squares"], rss[1])
    assert "(Intercept)" not in str(model.summary())
    with pytest.raises(ValueError, match="1 names of targets given for 2 responses"):
        model.summary(target="y")
    with pytest.raises(ValueError, match="3 feature_names given for 2 features"):
        model.summary(["a", "b", "c"])


def test_the_table_is_laid_out_as_in_r(height_wages: Any) -> None:
    x, y = height_wages
    lines = str(LinearRegression().fit(x, y).summary(["height"])).splitlines()
    assert lines[0] == "Residuals:"
    assert lines[4] == "Coefficients:"
    assert lines[5].split() == ["Estimate", "Std.", "Error", "t", "value", "Pr(>|t|)"]
    assert lines[6].split()[:2] == ["(Intercept)", "2.94554"]
    assert lines[7].split()[:2] == ["height", "0.95194"]
    assert lines[7].endswith("<2e-16 ***")
    assert len({len(line.removesuffix(" ***")) for line in lines[5:8]}) == 1


def test_start_values_need_descent_and_must_fit() -> None:
    x, y = random_problem(7, 10, 2)
    with pytest.raises(ValueError, match="say where solver='gd' starts"):
        LinearRegression().fit(x, y, coef_init=1.0)
    with pytest.raises(ValueError, match="coef_init of shape"):
        LinearRegression("gd").fit(x, y, coef_init=[1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="must be finite"):
        LinearRegression("gd").fit(x, y, intercept_init=np.nan)
    with pytest.raises(ValueError, match=r"(?i)sample.weight"):
        LinearRegression().fit(x, y, np.zeros(10))


def test_no_tests_where_descent_did_not_arrive() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 30, 1))
    with pytest.warns(ConvergenceWarning):
        summary = LinearRegression("gd", max_iter=2).fit(x, y[:, 0]).summary()
    assert np.isnan(summary.coefficients[0].p_value).all()
    assert "did not converge" in str(summary)
    assert "F-statistic" not in str(summary)


def test_a_perfect_fit_and_a_constant_are_told() -> None:
    x = np.random.default_rng(0).normal(size=(20, 2))
    for y in (x @ [1, 2] + 4, np.full(20, 3.1)):
        text = str(LinearRegression().fit(x, y).summary())
        assert "Essentially perfect fit" in text
        assert "-0.0000" not in text


def test_residuals_of_weighted_rows_are_called_so() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 30, 1))
    weighted = LinearRegression().fit(x, y[:, 0], np.arange(1.0, 31)).summary()
    assert str(weighted).startswith("Weighted Residuals:")
    assert str(LinearRegression().fit(x, y[:, 0]).summary()).startswith("Residuals:")
