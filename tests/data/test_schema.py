"""What a model's file keeps of a table: its columns, their levels and their scale."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nnaccel.data import Scaling, Schema, load_named

SCHEMA = Schema("kind", {"u": (), "t": ("p", "q", "r")}, header=False, decimal=",")


def test_a_schema_comes_back_from_json() -> None:
    assert Schema.from_dict(json.loads(json.dumps(SCHEMA.as_dict()))) == SCHEMA
    assert SCHEMA.feature_names == ("u", "t[q]", "t[r]")


@pytest.mark.parametrize(
    "damage",
    [
        {"label": 3},
        {"columns": [["u", [1]]]},
        {"columns": [["u"]]},
        {"columns": [["u", "pq"]]},
        {"columns": 7},
        {"columns": [[None, []]]},
        {"header": "yes"},
        {"decimal": ";"},
    ],
    ids=str,
)
def test_a_damaged_schema_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Schema.from_dict(SCHEMA.as_dict() | damage)


def test_a_scaling_comes_back_from_json_to_the_bit() -> None:
    x = np.random.default_rng(0).normal(3, [1e-9, 1, 1e9], (50, 3))
    scaling = Scaling.of(x, x[:, 0])
    again = Scaling.from_dict(json.loads(json.dumps(scaling.as_dict())))
    np.testing.assert_array_equal(again.inputs(x), scaling.inputs(x))
    np.testing.assert_array_equal(again.targets(x[:, 0]), scaling.targets(x[:, 0]))
    np.testing.assert_allclose(again.unscaled(again.targets(x[:, 0])), x[:, 0], rtol=1e-6)


@pytest.mark.parametrize(
    "damage",
    [
        {"mean": [1.0]},
        {"mean": "ab"},
        {"mean": [float("nan"), 0]},
        {"scale": [-1.0, 1.0]},
        {"scale": [[1.0, 1.0]]},
        {"target": [0.0, -1.0]},
        {"target": [0.0]},
    ],
    ids=str,
)
def test_a_damaged_scaling_is_refused(damage: dict[str, object]) -> None:
    scaling = Scaling(np.zeros(2), np.ones(2))
    with pytest.raises((ValueError, TypeError)):
        Scaling.from_dict(scaling.as_dict() | damage)


def test_a_column_that_did_not_vary_in_training_is_0_ever_after() -> None:
    x = np.array([[0.1, 1.0], [0.1, 2.0], [0.1, 3.0]])
    scaling = Scaling.of(x, np.array([0, 1, 0]))
    for rows in (x, x + 1000):
        np.testing.assert_array_equal(scaling.inputs(rows)[:, 0], 0)
    assert Scaling.of(x, x[:, 0]).targets(x[:, 0]).tolist() == pytest.approx([0, 0, 0], abs=1e-9)


def test_images_are_brought_to_the_scale_of_a_table() -> None:
    images = load_named("digits")
    flat = images.x.reshape(-1, 64) / 255
    scaling = Scaling.of(flat, images.y)
    scaled = load_named("digits", scaling=scaling)
    np.testing.assert_array_equal(scaled.x, scaling.inputs(flat))


def test_named_data_sets() -> None:
    flowers = load_named("iris", standardize=True)
    np.testing.assert_allclose(flowers.x.mean(0), 0, atol=1e-5)
    assert load_named("digits", standardize=True).x.dtype == np.uint8
    with pytest.raises(ValueError, match="leave out label: it is for files, and iris is none"):
        load_named("iris", label="species")
