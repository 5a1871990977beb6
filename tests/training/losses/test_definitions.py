"""Losses at the ends of their ranges, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel import losses


def test_log_cosh_does_not_overflow() -> None:
    found, gradients = losses.LogCosh()(np.array([[1e5]]), np.array([[0.0]]))
    np.testing.assert_allclose(found, 1e5 - np.log(2))
    np.testing.assert_array_equal(gradients, 1)


@pytest.mark.parametrize("kind", [losses.Hinge, losses.SquaredHinge])
def test_hinges_take_0_for_minus_1(kind: Any) -> None:
    outputs = np.array([[0.5, -2.0], [3.0, 0.1]])
    zeros, signs = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, -1.0], [-1.0, 1.0]])
    for ours, theirs in zip(kind()(outputs, zeros), kind()(outputs, signs), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_rows_without_a_direction_teach_nothing() -> None:
    outputs, targets = np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 0.0]])
    for found in losses.CosineSimilarity()(outputs, targets):
        np.testing.assert_array_equal(found, 0)


def test_focal_losses_without_focus_are_cross_entropies() -> None:
    p, t = np.array([[0.2, 0.8], [0.7, 0.3]]), np.array([[1.0, 0.0], [0.25, 0.75]])
    for focal, plain, factor in (
        (losses.CategoricalFocalCrossentropy(1.0, gamma=0), losses.CategoricalCrossentropy(), 1),
        (losses.BinaryFocalCrossentropy(gamma=0), losses.BinaryCrossentropy(), 1),
        (losses.BinaryFocalCrossentropy(True, 0.5, gamma=0), losses.BinaryCrossentropy(), 0.5),
    ):
        for ours, theirs in zip(focal(p, t), plain(p, t), strict=True):
            np.testing.assert_allclose(ours, factor * theirs, rtol=1e-12)


def test_class_balancing_weighs_each_target() -> None:
    loss, plain = losses.BinaryFocalCrossentropy(True, 0.9), losses.BinaryFocalCrossentropy()
    p, t = np.array([[0.2], [0.2]]), np.array([[1.0], [0.0]])
    weights = np.array([0.9, 0.1])
    np.testing.assert_allclose(loss(p, t)[0], weights * plain(p, t)[0])
    np.testing.assert_allclose(loss(p, t)[1], weights[:, None] * plain(p, t)[1])


@pytest.mark.parametrize(
    "loss", ["kl_divergence", "focal", losses.BinaryFocalCrossentropy(True, gamma=0.5)]
)
def test_probabilities_of_0_and_1_give_finite_losses(loss: Any) -> None:
    ends = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
    for targets in (ends, 1 - ends, np.full_like(ends, 0.5)):
        for found in losses.get(loss)(ends, targets):
            assert np.isfinite(found).all()
            assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("loss", "last", "y", "words"),
    [
        ("poisson", "linear", [1.0], "takes numbers of at least 0, but .* activation 'softplus'"),
        ("poisson", "softplus", [-1.0], "poisson needs them of at least 0"),
        ("focal", "linear", [[1.0]], "takes probabilities, but .* activation 'softmax'"),
        ("kl_divergence", "sigmoid", [1.0], "needs at least 2 outputs"),
        ("binary_focal_crossentropy", "sigmoid", [3.0], "needs them between 0 and 1"),
    ],
)
@pytest.mark.filterwarnings("ignore:the last layer .* but the loss is:UserWarning")
def test_what_does_not_fit_is_told(loss: str, last: str, y: Any, words: str) -> None:
    model = nn.Sequential([nn.Dense(1, last)])
    model.compile(loss)
    with pytest.raises(ValueError, match=words):
        model.fit(np.ones((1, 2)), y, verbose=0)
