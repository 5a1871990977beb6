"""What a model will run: one step for each product, and the reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnaccel import layers
from nnaccel.backends import use_backend
from nnaccel.layers import Layer
from nnaccel.model.architectures import convolutional
from nnaccel.model.explain import explain
from nnaccel.model.explanation import Explanation, Step
from nnaccel.model.sequential import Sequential
from nnaccel_kernels.window import ConvolutionPlan

from ..fake_cupy import installed


@pytest.fixture
def model(backend: Any) -> Sequential:
    made = Sequential([*convolutional("cnn", dropout=0.1), layers.Dense(10, "softmax")])
    made.build((28, 28))
    return made


def test_each_layer_has_its_steps(model: Sequential, backend: Any) -> None:
    steps = explain(model, 4)
    assert [(step.layer, step.direction) for step in steps[:5]] == [
        ("conv2d", "forward"),
        ("conv2d", "weight gradient"),  # the images need no gradient
        ("conv2d_1", "forward"),
        ("conv2d_1", "input gradient"),
        ("conv2d_1", "weight gradient"),
    ]
    assert {step.layer for step in steps} == {layer.name for layer in model.layers}
    assert {step.backend for step in steps} == {backend.name}


def test_products_say_that_they_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNACCEL_TF32", "1")
    with installed(), use_backend("cupy"):
        for dtype, product in (("float32", "matmul in TF32"), ("float64", "matmul")):
            made = Sequential([layers.Dense(3)], dtype=dtype)
            made.build((4,))
            assert {step.algorithm for step in explain(made)} == {product}


def test_kernels_exist_where_they_are_said_to_be(model: Sequential, backend: Any) -> None:
    for step in explain(model):
        package, name = step.kernel.split(".")
        assert getattr(backend.kernels, name).__module__.startswith(f"nnaccel_kernels.{package}.")


def test_operations_are_those_of_the_definition(model: Sequential) -> None:
    steps = explain(model, batch_size=2)
    conv = 2 * 2 * 64 * 24 * 24 * 32 * 9 / 1e9
    assert [step.gflop for step in steps if step.layer == "conv2d_1"] == [pytest.approx(conv)] * 3
    assert steps[-1].gflop == pytest.approx(2 * 2 * 128 * 10 / 1e9)


def test_the_algorithm_is_the_one_that_runs(backend: Any) -> None:
    model = Sequential([layers.Conv2D(4, 3), layers.Conv2D(4, 3, algorithm="im2col")])
    model.build((2, 9, 9))
    algorithms = {"im2col", "direct", "gemm", "winograd", "torch"}
    if backend.name == "cupy":
        assert {step.algorithm for step in explain(model)} <= {"auto", *algorithms}
        model(np.zeros((128, 2, 9, 9), "float32"))
    for step in explain(model):
        assert step.algorithm.partition("-")[0] in algorithms or (
            backend.name == "cupy" and step.direction != "forward"
        )
        assert step.layer == "conv2d" or step.algorithm == "im2col"
        assert step.why


def test_implementations_of_an_algorithm_are_told_apart() -> None:
    with use_backend("numba"):
        model = Sequential([layers.Conv2D(20, 3), layers.Conv2D(20, 4), layers.Conv2D(8, 1)])
        model.build((1, 12, 12))
        forward = [step for step in explain(model) if step.direction == "forward"]
    assert [step.algorithm for step in forward] == ["gemm-planes", "gemm", "gemm-pointwise"]
    assert len({step.why for step in forward}) == 3


def test_looking_measures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def plan(*_: Any, **how: Any) -> ConvolutionPlan:
        asked.append(how)
        return ConvolutionPlan("auto", 3, "measured at the first call")

    with use_backend("numpy") as backend:
        monkeypatch.setattr(backend.kernels, "conv2d_plan", plan)
        model = Sequential([layers.Conv2D(4, 3)])
        model.build((2, 9, 9))
        assert {(step.algorithm, step.why) for step in explain(model)} == {
            ("auto", "measured at the first call")
        }
    assert asked == 3 * [{"measure": False}]


def test_it_prints_as_a_table(model: Sequential) -> None:
    steps = explain(model)
    lines = str(steps).splitlines()
    for heading in ("layer", "op", "backend", "kernel", "algorithm", "GFLOP", "workspace", "why"):
        assert heading in lines[0]
    assert len(lines) == len(steps) + 4
    assert f"{sum(step.gflop for step in steps):.4f} GFLOP a training step of " in lines[-1]
    assert repr(steps) == str(steps)
    assert isinstance(steps[0], Step)


def test_every_layer_can_be_explained(backend: Any) -> None:
    made: list[Layer] = [
        layers.ZeroPad2D(1),
        layers.Conv2D(4, 3, stride=2, groups=2),
        layers.BatchNorm(),
        layers.Activation("relu"),
        layers.DepthwiseConv2D(3, padding="same"),
        layers.AvgPool2D(2),
        layers.Conv2DTranspose(6, 3, stride=2, groups=2),
        layers.Dropout(0.5),
        layers.UpSampling2D(2),
        layers.GroupNorm(3),
        layers.GaussianNoise(0.1),
        layers.GlobalAvgPool2D(),
        layers.PReLU(shared_axes=(1,)),
        layers.Reshape((2, -1)),
        layers.Flatten(),
        layers.Dense(3),
        layers.LayerNorm(),
    ]
    model = Sequential(made)
    model.build((2, 12, 12))
    steps = explain(model, 3)
    assert {step.layer for step in steps} == {layer.name for layer in made}
    transposed = next(step for step in steps if step.op == "conv_transpose2d")
    assert transposed.kernel.endswith(".conv2d_input_gradient")
    _, height, width = made[6].input_shape
    assert transposed.gflop == pytest.approx(2 * 3 * 4 * 3 * 9 * height * width / 1e9)


def test_a_layer_of_the_users_own(backend: Any) -> None:
    class Twice(Layer):
        def infer_shape(self, input_shape: Any) -> Any:
            return input_shape

        def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
            return 2 * x, lambda dy, _: 2 * dy

    model = Sequential([layers.Dense(3), Twice()])
    model.build((4,))
    found = [(s.op, s.direction, s.kernel, s.why) for s in explain(model)[-2:]]
    why = "Python, run between kernels"
    assert found == [("Twice", way, "host", why) for way in ("forward", "input gradient")]


def test_a_forward_of_the_users_own_on_a_layer_of_nnaccel(backend: Any) -> None:
    class Own(layers.Dense):
        def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
            return super().forward(x, training, activate)

    model = Sequential([Own(3)])
    model.build((4,))
    assert {step.kernel for step in explain(model)} == {"host"}


def test_activations_name_the_kernel_that_they_run(backend: Any) -> None:
    model = Sequential([layers.Dense(3), layers.Activation("tanh"), layers.Softmax()])
    model.build((4,))
    kernels = [step.kernel.partition(".")[2] for step in explain(model) if step.op != "linear"]
    assert kernels == ["activate", "activate_backward", "softmax", "softmax_backward"]


def test_what_cannot_be_explained() -> None:
    model = Sequential([layers.Dense(3)])
    with pytest.raises(RuntimeError, match="not built yet"):
        explain(model)
    model.build((4,))
    with pytest.raises(ValueError, match="batch_size=0"):
        explain(model, 0)
    assert isinstance(explain(model, 1), Explanation)
    assert np.isclose(explain(model, 1)[0].gflop, 2 * 12 / 1e9)
