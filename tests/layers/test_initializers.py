from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnaccel.layers import initializers
from nnaccel.layers.initializers import Constant, Normal, Orthogonal, Uniform, VarianceScaling, fans

DENSE = (400, 300)
CONV = (60, 10, 5, 5)

# Name -> standard deviation for given fans, and the largest value over it.
SPREAD = {
    "normal": (lambda fan_in, fan_out: 0.05, math.inf),
    "uniform": (lambda fan_in, fan_out: 0.05 / math.sqrt(3), math.sqrt(3)),
    "tutorial": (lambda fan_in, fan_out: fan_in**-0.5, math.inf),
    "lecun_normal": (lambda fan_in, fan_out: fan_in**-0.5, 2 / 0.8796),
    "lecun_uniform": (lambda fan_in, fan_out: fan_in**-0.5, math.sqrt(3)),
    "glorot_normal": (lambda fan_in, fan_out: (2 / (fan_in + fan_out)) ** 0.5, 2 / 0.8796),
    "glorot_uniform": (lambda fan_in, fan_out: (2 / (fan_in + fan_out)) ** 0.5, math.sqrt(3)),
    "he_normal": (lambda fan_in, fan_out: (2 / fan_in) ** 0.5, 2 / 0.8796),
    "he_uniform": (lambda fan_in, fan_out: (2 / fan_in) ** 0.5, math.sqrt(3)),
}


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("shape", [DENSE, CONV])
@pytest.mark.parametrize("name", SPREAD)
def test_mean_variance_and_bound(name: str, shape: tuple[int, ...]) -> None:
    stddev, bound = SPREAD[name][0](*fans(shape)), SPREAD[name][1]
    w = initializers.get(name)(shape, rng())
    assert w.shape == shape
    assert w.dtype == np.float64
    assert abs(w.mean()) < 5 * stddev / math.sqrt(w.size)
    assert w.std() == pytest.approx(stddev, rel=0.03)
    assert np.abs(w).max() <= bound * stddev * (1 + 1e-12)
    # The bound is reached, and an untruncated Gaussian goes beyond the truncated one's.
    assert np.abs(w).max() > 0.98 * min(bound, 3.5) * stddev


def test_zeros_ones_and_the_tutorials_gaussian() -> None:
    assert (initializers.get("zeros")((3, 2), rng()) == 0).all()
    assert (initializers.get("ones")((3,), rng()) == 1).all()
    expected = rng().standard_normal((784, 100)) / np.sqrt(784)
    np.testing.assert_allclose(
        initializers.get("tutorial")((784, 100), rng()), expected, rtol=1e-15
    )


@pytest.mark.parametrize("name", initializers.NAMED)
def test_same_seed_same_values(name: str) -> None:
    rule = initializers.get(name)
    np.testing.assert_array_equal(rule((7, 5), rng()), rule((7, 5), rng()))


def test_fans() -> None:
    assert fans((784, 100)) == (784, 100)
    assert fans((60, 10, 5, 3)) == (150, 900)
    assert fans((8,)) == (8, 8)


@given(
    shape=st.lists(st.integers(1, 6), min_size=2, max_size=4).map(tuple), seed=st.integers(0, 99)
)
def test_orthogonal_has_orthonormal_rows_or_columns(shape: tuple[int, ...], seed: int) -> None:
    w = Orthogonal(gain=3.0)(shape, np.random.default_rng(seed)).reshape(shape[0], -1) / 3
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-12)


def test_orthogonal_signs_are_those_of_the_gaussian() -> None:
    # Without the sign fix LAPACK's q would give the diagonal of r, hence q[0, 0], one sign.
    first = [Orthogonal()((4, 4), np.random.default_rng(s))[0, 0] for s in range(40)]
    assert 10 < np.count_nonzero(np.array(first) > 0) < 30


@pytest.mark.parametrize("name", ["lecun_normal", "orthogonal", "glorot_uniform"])
def test_a_shape_without_weights_is_allowed(name: str) -> None:
    assert initializers.get(name)((0, 3), rng()).shape == (0, 3)


@pytest.mark.parametrize("name", initializers.NAMED)
def test_named_rules_are_saved_by_name(name: str) -> None:
    rule = initializers.get(name)
    assert rule.name == name
    assert rule.config() == {"name": name}
    assert initializers.get(rule.config()) == rule
    assert initializers.get(rule) is rule


@pytest.mark.parametrize(
    ("rule", "config"),
    [
        (Constant(0.1), {"name": "constant", "value": 0.1}),
        (Normal(0.2), {"name": "normal", "stddev": 0.2}),
        (Uniform(0.2), {"name": "uniform", "limit": 0.2}),
        (Orthogonal(2.0), {"name": "orthogonal", "gain": 2.0}),
        (
            VarianceScaling(3.0, "fan_out", "normal"),
            {
                "name": "variance_scaling",
                "scale": 3.0,
                "mode": "fan_out",
                "distribution": "normal",
            },
        ),
    ],
)
def test_other_settings_survive_json(rule: initializers.Initializer, config: Any) -> None:
    assert rule.config() == config
    assert initializers.from_config(json.loads(json.dumps(rule.config()))) == rule


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: initializers.get("he_norml"), ValueError, "Did you mean 'he_normal'"),
        (lambda: initializers.get(3), TypeError, "not int"),
        (lambda: initializers.from_config({}), ValueError, "unknown initializer None"),
        (lambda: initializers.from_config({"name": "normal", "sd": 1}), ValueError, "takes stddev"),
        (lambda: initializers.from_config({"name": "normal", "stddev": "x"}), ValueError, "'x'"),
        (lambda: Normal(-1.0), ValueError, "stddev=-1.0 must be a finite number above 0"),
        (lambda: Uniform(math.inf), ValueError, "limit=inf"),
        (lambda: Constant(math.nan), ValueError, "value=nan"),
        (lambda: VarianceScaling(0.0), ValueError, "scale=0.0"),
        (lambda: VarianceScaling(mode="fan_i"), ValueError, "Did you mean 'fan_in'"),
        (lambda: VarianceScaling(distribution="gauss"), ValueError, "unknown distribution"),
        (lambda: Orthogonal()((3,), rng()), ValueError, "two or more axes"),
    ],
)
def test_errors_in_words(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()
