"""Cross-entropies: smoothed targets, and models that end with logits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import special

import nnaccel as nn
from nnaccel import losses

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 5)), RNG.integers(3, size=40)
KINDS = {"softmax": losses.CategoricalCrossentropy, "sigmoid": losses.BinaryCrossentropy}
of_each_kind = pytest.mark.parametrize("last", KINDS)


def model(last: str, **settings: Any) -> nn.Sequential:
    ending = "linear" if settings.get("from_logits") else last
    made = nn.Sequential([nn.Dense(6, "tanh"), nn.Dense(3, ending)], seed=3, dtype="float64")
    metrics = ["accuracy", "binary_accuracy", nn.metrics.get(largest)]
    made.compile(KINDS[last](**settings), "adam", metrics)
    return made


def largest(outputs: Any, targets: Any) -> Any:
    return outputs.max(axis=1)


def by_hand(last: str, logits: Any, targets: Any) -> float:
    if last == "softmax":
        return float(-(targets * special.log_softmax(logits, axis=1)).sum(axis=1).mean())
    each = targets * special.log_expit(logits) + (1 - targets) * special.log_expit(-logits)
    return float(-each.mean())


@of_each_kind
@pytest.mark.parametrize("from_logits", [False, True])
def test_targets_are_moved_towards_the_middle(last: str, from_logits: bool, backend: Any) -> None:
    smoothed = model(last, from_logits=from_logits, label_smoothing=0.2)
    smoothed.fit(X, Y, epochs=2, batch_size=7, verbose=0)
    targets = 0.8 * np.eye(3)[Y] + 0.2 / (3 if last == "softmax" else 2)
    logits = smoothed.predict(X)
    if not from_logits:
        logits = np.log(logits) if last == "softmax" else special.logit(logits)
    found = smoothed.evaluate(X, Y, batch_size=16)
    assert found[0] == pytest.approx(by_hand(last, logits, targets), rel=1e-9)
    assert found[1] == pytest.approx((logits.argmax(axis=1) == Y).mean())  # of the true targets
    nn.gradcheck(smoothed, X, Y)


@of_each_kind
def test_logits_train_as_the_activation_does(last: str, backend: Any) -> None:
    fitted = [model(last, from_logits=flag) for flag in (False, True)]
    histories = [m.fit(X, Y, epochs=3, batch_size=7, verbose=0).history for m in fitted]
    assert list(histories[0]) == list(histories[1])
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-12, err_msg=name)
    outputs = special.softmax if last == "softmax" else lambda z, axis: special.expit(z)
    np.testing.assert_allclose(
        outputs(fitted[1].predict(X), axis=1), fitted[0].predict(X), rtol=1e-9
    )


@of_each_kind
def test_a_call_takes_logits(last: str) -> None:
    logits, targets = RNG.normal(size=(2, 4, 3))
    targets = special.softmax(targets, axis=1)
    found, _ = KINDS[last](from_logits=True)(logits, targets)
    assert found.mean() == pytest.approx(by_hand(last, logits, targets))


def test_the_accuracy_of_one_logit_is_by_its_sign(backend: Any) -> None:
    one = nn.Sequential([nn.Dense(1)], seed=0)
    one.compile(losses.BinaryCrossentropy(from_logits=True), metrics=["accuracy"])
    labels = (Y > 0).astype(int)
    _, accuracy = one.evaluate(X, labels)
    assert accuracy == pytest.approx(((one.predict(X)[:, 0] > 0) == labels).mean())


def test_settings_are_saved(tmp_path: Path) -> None:
    made = model("softmax", from_logits=True, label_smoothing=0.1)
    made.fit(X, Y, verbose=0)
    made.save(tmp_path / "m.safetensors")
    again = nn.load(tmp_path / "m.safetensors", custom_objects={"largest": largest})
    assert again.loss == losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)


def test_what_does_not_fit_is_told() -> None:
    twice = nn.Sequential([nn.Dense(3, "softmax")])
    twice.compile(losses.CategoricalCrossentropy(from_logits=True))
    with pytest.raises(ValueError, match=r"takes logits, .* ends with 'softmax': leave out one"):
        twice.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="label_smoothing=1 must be at least 0 and below 1"):
        losses.BinaryCrossentropy(label_smoothing=1)
    with pytest.raises(ValueError, match="from_logits=1 must be True or False"):
        losses.BinaryCrossentropy(from_logits=1)  # type: ignore[arg-type]


def test_the_command_line_shows_probabilities_of_a_model_of_logits() -> None:
    from nnaccel.cli._saved import Saved

    made = model("softmax", from_logits=True)
    shares = Saved(Path(), made, 1, {"classes": list("abc")}, None, None).shares(X)
    np.testing.assert_allclose(shares, special.softmax(made.predict(X), axis=1))
