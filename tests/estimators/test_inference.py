"""Covariances, intervals and diagnostics of linear regression, held to R and statsmodels.

The data are R's `cars`. R prints the estimates, intervals and p-values; the covariances of errors
that are not of one variance are those of statsmodels 0.14.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nnaccel import estimators, plot
from nnaccel.estimators import (
    Formula,
    LinearRegression,
    LogisticRegression,
    SoftmaxRegression,
    _r_format,
)

SPEED = [4, 4, 7, 7, 8, 9, 10, 10, 10, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15]
SPEED += [15, 15, 16, 16, 17, 17, 17, 18, 18, 18, 18, 19, 19, 19, 20, 20, 20, 20, 20, 22, 23, 24]
SPEED += [24, 24, 24, 25]
DIST = [2, 10, 4, 22, 16, 10, 18, 26, 34, 17, 28, 14, 20, 24, 28, 26, 34, 34, 46, 26, 36, 60, 80]
DIST += [20, 26, 54, 32, 40, 32, 40, 50, 42, 56, 76, 84, 36, 46, 68, 32, 48, 52, 56, 64, 66, 54]
DIST += [70, 92, 93, 120, 85]
X, Y = np.array(SPEED, float)[:, None], np.array(DIST, float)
WEIGHTS = np.linspace(0.5, 2, 50)
GROUPS = np.arange(50) // 5


@pytest.fixture
def cars() -> LinearRegression:
    return LinearRegression().fit(X, Y)


def test_the_summary_has_the_digits_of_r(cars: LinearRegression) -> None:
    text = str(cars.summary(["speed"], "dist"))
    assert "-29.069   -9.525   -2.272    9.215   43.201" in text
    assert "(Intercept) -17.5791     6.7584  -2.601   0.0123 *\n" in text
    assert "speed         3.9324     0.4155   9.464 1.49e-12 ***\n" in text
    assert "p-value: 1.49e-12" in text


def test_r_prints_numbers_so() -> None:
    assert _r_format.numbers([1.0, 10.0, 0.5], 4) == ["1.0", "10.0", "0.5"]
    assert _r_format.numbers([np.nan, 2.0], 4) == ["NA", "2"]
    assert _r_format.p_values([0.5, 1e-17]) == ["0.5", "<2e-16"]
    assert _r_format.p_values([0.04567, 1e-17, 3.21e-7]) == ["0.0457", "< 2e-16", "3.21e-07"]
    assert _r_format.p_values([1e-300], 4) == ["< 2.2e-16"]
    assert _r_format.coefficients([39.6863, -3.2259], [1.7157, 0.0796])[1] == ["1.7157", "0.0796"]


def test_confidence_intervals(cars: LinearRegression) -> None:
    found = cars.confint()
    np.testing.assert_allclose(found.low, [-31.167850, 3.096964], atol=5e-7)
    np.testing.assert_allclose(found.high, [-3.990340, 4.767853], atol=5e-7)
    assert str(found).splitlines() == [
        "                 2.5 %    97.5 %",
        "(Intercept) -31.167850 -3.990340",
        "x0            3.096964  4.767853",
    ]
    assert found.as_dict()["x0"] == (found.low[1], found.high[1])
    np.testing.assert_allclose(cars.vcov().std_error, [6.7584402, 0.4155128], rtol=1e-7)


def test_intervals_of_predictions(cars: LinearRegression) -> None:
    new = cars.predict_interval([[10.0], [21.0]])
    np.testing.assert_allclose(new.fit, [21.744993, 65.001489], rtol=1e-7)
    np.testing.assert_allclose(new.low, [-9.809601, 33.422574], rtol=1e-6)
    np.testing.assert_allclose(new.high, [53.299586, 96.580404], rtol=1e-6)
    mean = cars.predict_interval([[10.0]], kind="confidence")
    np.testing.assert_allclose([mean.low[0], mean.high[0]], [15.461917, 28.028068], rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "plain", "weighted"),
    [
        ("HC0", [5.54187218, 0.39868088], [7.67934917, 0.50433004]),
        ("HC1", [5.65614961, 0.40690196], None),
        ("HC2", [5.73234686, 0.41280221], None),
        ("HC3", [5.93180332, 0.42753722], [8.26717408, 0.5479192]),
        ("groups", [7.74827394, 0.6035316], [10.03709288, 0.71437947]),
    ],
)
def test_errors_of_any_variances(
    kind: str, plain: list[float], weighted: list[float] | None, cars: LinearRegression
) -> None:
    by = {"groups": GROUPS} if kind == "groups" else {"kind": kind}
    found = cars.diagnose(X, Y).vcov(**by)
    np.testing.assert_allclose(found.std_error, plain, rtol=1e-7)
    table = cars.summary(covariance=found)
    np.testing.assert_allclose(table.coefficients[0].std_error, plain, rtol=1e-7)
    assert f"{'10 clusters' if kind == 'groups' else kind}." in table.notes[-1]
    wider = cars.confint(covariance=found)
    assert wider.high[1] - wider.low[1] == pytest.approx(
        2 * plain[1] * {"groups": 2.262157163}.get(kind, 2.010634758), rel=1e-6
    )
    if weighted:
        model = LinearRegression().fit(X, Y, sample_weight=WEIGHTS)
        found = model.diagnose(X, Y, WEIGHTS).vcov(**by)
        np.testing.assert_allclose(found.std_error, weighted, rtol=1e-7)


def test_residuals_and_leverage(cars: LinearRegression) -> None:
    found = cars.diagnose(X, Y)
    np.testing.assert_allclose(found.leverage[:3], [0.11486131, 0.11486131, 0.07150365], rtol=1e-7)
    assert found.leverage.sum() == pytest.approx(2)
    np.testing.assert_allclose(found.standardized[:2], [0.26604155, 0.81893273], rtol=1e-6)
    np.testing.assert_allclose(found.studentized[:2], [0.26345, 0.81607841], rtol=1e-6)
    np.testing.assert_allclose(found.cooks_distance[[48, 22]], [0.34039593, 0.08555181], rtol=1e-6)
    figure = plot.diagnostics(found)
    numbered = {text.get_text() for text in figure.axes[0].texts}
    assert numbered == {"22", "34", "48"}  # R counts them from 1


def test_dependent_variables_and_single_rows() -> None:
    twice = np.hstack([X, 2 * X])
    with pytest.warns(estimators.CollinearityWarning):
        model = LinearRegression().fit(twice, Y)
    errors = model.diagnose(twice, Y).vcov("HC1").std_error
    assert np.isfinite(errors).tolist() == [True, *np.isfinite(model.vcov().std_error[1:])]
    alone = np.hstack([X, np.arange(50)[:, None] == 7])
    found = LinearRegression().fit(alone, Y).diagnose(alone, Y)
    assert found.leverage[7] == pytest.approx(1)
    assert np.isnan(found.standardized[7])
    assert np.isfinite(found.vcov("HC1").matrix).all()
    with pytest.raises(ValueError, match="HC3 divides by 1 - leverage"):
        found.vcov()
    plot.diagnostics(found)


def test_what_cannot_be_inferred_is_said(cars: LinearRegression) -> None:
    with pytest.raises(ValueError, match="these are not the rows of the fit"):
        cars.diagnose(X, Y + 1)
    found = cars.diagnose(X, Y)
    with pytest.raises(ValueError, match=r"unknown kind 'hc3'.*HC3"):
        found.vcov("hc3")
    with pytest.raises(ValueError, match=r"groups has shape \(3,\), but there are 50 rows"):
        found.vcov(groups=[1, 2, 3])
    with pytest.raises(ValueError, match="one group"):
        found.vcov(groups=np.zeros(50))
    with pytest.raises(ValueError, match=r"covariance has shape \(3, 3\)"):
        cars.summary(covariance=np.eye(3))
    with pytest.raises(ValueError, match=r"level must be between 0 and 1.*95"):
        cars.confint(95)
    with pytest.raises(ValueError, match=r"level must be between 0 and 1.*Covariance"):
        cars.confint(found.vcov())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"give diagnose\(X, y\)\.vcov\('HC3'\)"):
        cars.summary(covariance="HC3")
    with pytest.raises(ValueError, match="variances below 0"):
        cars.summary(covariance=-np.eye(2))
    for groups in (np.where(GROUPS < 2, np.nan, GROUPS), [None, *"ab" * 24, "a"]):
        with pytest.raises(ValueError, match=r"groups has .* missing values"):
            found.vcov(groups=groups)
    with pytest.raises(TypeError, match="several types, int and str"):
        found.vcov(groups=np.array([1, "a"] * 25, object))
    with pytest.raises(TypeError, match="LinearRegression is no Diagnostics"):
        plot.diagnostics(cars)  # type: ignore[arg-type]
    both = LinearRegression().fit(X, np.stack([Y, Y], axis=1))
    for call in (both.vcov, lambda: both.predict_interval(X), lambda: both.diagnose(X, Y)):
        with pytest.raises(ValueError, match="is for one response"):
            call()


@pytest.mark.parametrize("kind", ["HC0", "HC1", "HC3", "groups"])
def test_two_rows_tell_nothing_of_errors(kind: str) -> None:
    model = LinearRegression().fit(X[1:3], Y[1:3])
    found = model.diagnose(X[1:3], Y[1:3])
    with pytest.raises(ValueError, match="2 rows for 2 coefficients leave no residuals"):
        found.vcov(groups=[0, 1]) if kind == "groups" else found.vcov(kind)
    with pytest.raises(ValueError, match="no row has a residual"):
        plot.diagnostics(found)
    assert np.isnan(model.predict_interval(X).low).all()


def test_intervals_of_odds() -> None:
    model = LogisticRegression().fit(X, Y > 40)
    table = model.summary()
    found, block = table.confint(0.9), table.coefficients[0]
    np.testing.assert_allclose(found.high, block.estimate + 1.644853627 * block.std_error)
    assert "5 %" in str(found).splitlines()[0]
    np.testing.assert_array_equal(model.confint(0.9).low, found.low)
    assert np.isnan(LogisticRegression(penalty="l2").fit(X, Y > 40).confint().low).all()


def test_intervals_of_odds_against_a_class() -> None:
    three = SoftmaxRegression().fit(X, np.digitize(Y, [20, 60]))
    found = three.confint(reference=2)
    assert found.names[0] == "Log-odds of 0 against 2: (Intercept)"
    np.testing.assert_array_equal(found.high, three.summary(reference=2).confint().high)


def test_formulas() -> None:
    cars = pd.DataFrame({"speed": X[:, 0], "dist": Y, "kind": list("ab") * 25})
    design = Formula("dist ~ speed", cars)
    model = LinearRegression(fit_intercept=design.intercept).fit(design.X, design.y)
    np.testing.assert_allclose(model.coef_, [3.932409], rtol=1e-6)
    assert "speed" in model.confint().names
    both = Formula("dist ~ speed * kind - 1", cars)
    assert not both.intercept
    assert list(both.rows(cars[:2].drop(columns="dist")).columns) == list(both.X)
    with pytest.raises(ValueError, match="needs one response"):
        Formula("speed", cars)
    with pytest.raises(ValueError, match="no variables"):
        Formula("dist ~ 1", cars)
    with pytest.raises(ValueError, match="response of numbers"):
        Formula("kind ~ speed", cars)
    with pytest.raises(TypeError, match=r"must be a pandas\.DataFrame, not ndarray"):
        Formula("dist ~ speed", X)
    with pytest.raises(ValueError, match=r"level that no row of the fit had.*'c'"):
        both.rows(cars.assign(kind="c"))
    with pytest.raises(ValueError, match="null values"):
        Formula("dist ~ speed", cars.replace({"speed": {4.0: np.nan}}))
