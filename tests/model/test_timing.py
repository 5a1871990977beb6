"""Where a step's time goes: every layer, forward and backward, and nothing of the model changed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel import plot
from nnaccel.backends import to_numpy
from nnaccel.model.timing import Timings

from ..fake_cupy import backend, fake_cupy  # noqa: F401


class Slow(nn.Layer):
    """Sleeps: 2 ms forward, 4 ms backward."""

    def infer_shape(self, input_shape: Any) -> Any:
        return input_shape

    def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
        time.sleep(0.002)

        def backward(dy: Any, input_gradient: bool) -> Any:
            time.sleep(0.004)
            return dy.copy()

        return x.copy(), backward


def network(loss: str = "categorical_crossentropy", last: str = "softmax") -> nn.Sequential:
    layers = [
        nn.Residual([nn.Conv2D(2, 3, "relu", padding=1), Slow()]),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Dense(3, last),
    ]
    model = nn.Sequential(layers, seed=0)
    model.compile(loss, nn.optim.Adam(0.1), metrics=["mae"])
    model.build((1, 6, 6))
    return model


def test_each_pass_has_its_time(backend: Any) -> None:  # noqa: F811
    model = network()
    before = np.array(to_numpy(model.weights))
    found = nn.explain(model, 4, timed=True, steps=3)
    assert isinstance(found, Timings)
    by_place = {(row.layer, row.direction): row for row in found}
    assert list(by_place) == [
        ("batch", ""),
        *[
            (layer, way)
            for layer in ("residual", "residual/conv2d", "residual/slow", "residual/projection")
            for way in ("forward", "backward")
        ],
        *[(layer, w) for layer in ("flatten", "dropout", "dense") for w in ("forward", "backward")],
        ("loss", ""),
        ("update", ""),
    ]
    slow = [by_place["residual/slow", way] for way in ("forward", "backward")]
    assert slow[0].seconds > 0.0015
    assert slow[1].seconds > 0.0035
    assert sum(row.share for row in found) == pytest.approx(1)
    assert slow[1].kernels == ("host",)
    conv = by_place["residual/conv2d", "forward"]
    assert conv.gflop == pytest.approx(2 * 4 * 2 * 9 * 36 / 1e9)
    assert conv.kernels[0].endswith(".conv2d")
    np.testing.assert_array_equal(to_numpy(model.weights), before)
    assert model.optimizer.learning_rate == 0.1
    assert int(to_numpy(model.iterations)[0]) == 0


@pytest.mark.parametrize(
    ("loss", "last"), [("mse", "linear"), ("binary_crossentropy", "sigmoid"), ("poisson", "relu")]
)
def test_any_loss_will_do(loss: str, last: str) -> None:
    assert nn.explain(network(loss, last), 2, timed=True, steps=1).seconds > 0.006


def test_it_prints_and_draws(tmp_path: Path) -> None:
    found = nn.explain(network(), 4, timed=True, steps=1)
    plot.save(plot.timings(found), tmp_path / "time.png")
    lines = str(found).splitlines()
    assert len(lines) == len(found) + 4
    assert "a training step of 4 items on " in lines[-1]
    assert (tmp_path / "time.png").read_bytes()[:4] == b"\x89PNG"
    shown = found._repr_html_()
    assert shown.count("<tr>") == len(found) + 1
    assert lines[-1] in shown
    with pytest.raises(TypeError, match="Explanation has no times"):
        plot.timings(nn.explain(network(), 4))  # type: ignore[arg-type]


def test_frozen_layers_have_no_backward_pass() -> None:
    model = network()
    model[0].trainable = False
    found = nn.explain(model, 4, timed=True, steps=1)
    assert [row.layer for row in found if row.direction == "backward"] == ["dense"]


def test_refusals() -> None:
    plain = nn.Sequential([nn.Dense(3)])
    plain.build((2,))
    with pytest.raises(RuntimeError, match="not compiled yet"):
        nn.explain(plain, timed=True)
