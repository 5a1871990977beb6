"""Models written as ONNX files: ONNX Runtime computes what they do, and they come back whole."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.layers import Layer
from nnaccel.layers._composite import Composite
from nnaccel_kernels.activations import ACTIVATIONS

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install onnx")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

ROW, PLANE, IMAGE, SEQUENCE = (6,), (9, 8), (4, 9, 8), (3, 11)


def cases() -> dict[str, tuple[tuple[int, ...], list[Any]]]:
    """Layers, and the shape of their input."""
    found: dict[str, tuple[tuple[int, ...], list[Any]]] = {
        "Dense": (ROW, [nn.Dense(5), nn.Dense(3, use_bias=False)]),
        "Dense of images": (IMAGE, [nn.Dense(5, "softmax")]),
        "Conv2D": (IMAGE, [nn.Conv2D(8, (3, 2), "relu", stride=(2, 1), padding=(1, 0, 2, 1))]),
        "Conv2D same": (IMAGE, [nn.Conv2D(4, 3, stride=2, padding="same", groups=2)]),
        "Conv2D dilated": (IMAGE, [nn.Conv2D(4, 3, dilation=2, padding="same", use_bias=False)]),
        "Conv2D of a plane": (PLANE, [nn.Conv2D(4, 3)]),
        "Conv2D with a softmax": (
            IMAGE,
            [nn.Conv2D(4, 3), nn.Softmax(), nn.Conv2D(3, 1, "softmax")],
        ),
        "DepthwiseConv2D": (IMAGE, [nn.DepthwiseConv2D(3, "tanh", multiplier=2)]),
        "Conv1D": (SEQUENCE, [nn.Conv1D(6, 3, "relu", stride=2, padding=(1, 0), groups=3)]),
        "Conv1D of one channel": ((11,), [nn.Conv1D(2, 3, padding="same", dilation=2)]),
        "Conv2DTranspose": (
            IMAGE,
            [nn.Conv2DTranspose(6, 3, stride=2, padding=1, output_padding=1, groups=2)],
        ),
        "Conv2DTranspose same": (IMAGE, [nn.Conv2DTranspose(2, 2, stride=3, padding="same")]),
        "MaxPool2D": (IMAGE, [nn.MaxPool2D(3, 2, (1, 0, 0, 1), ceil_mode=True)]),
        "MaxPool2D of a plane": (PLANE, [nn.MaxPool2D(2, padding="same", dilation=2)]),
        "AvgPool2D": (IMAGE, [nn.AvgPool2D(3, 2, 1)]),
        "AvgPool2D without the padding": (
            IMAGE,
            [nn.AvgPool2D(2, padding="same", count_include_pad=False, dilation=2)],
        ),
        "AvgPool2D, ceil": (IMAGE, [nn.AvgPool2D(3, 2, 1, ceil_mode=True)]),
        "MaxPool1D": (SEQUENCE, [nn.MaxPool1D(3, 2, (1, 0))]),
        "AvgPool1D": (SEQUENCE, [nn.AvgPool1D(2, padding="same")]),
        "GlobalAvgPool2D": (IMAGE, [nn.GlobalAvgPool2D(), nn.Dense(2)]),
        "GlobalMaxPool2D": (PLANE, [nn.GlobalMaxPool2D()]),
        "BatchNorm": (IMAGE, [nn.BatchNorm(0.9, 1e-4)]),
        "BatchNorm of rows": (ROW, [nn.Dense(4), nn.BatchNorm(), nn.ReLU()]),
        "BatchNorm of a plane": (PLANE, [nn.BatchNorm()]),
        "LayerNorm": (IMAGE, [nn.LayerNorm()]),
        "GroupNorm": (IMAGE, [nn.GroupNorm(2)]),
        "GroupNorm of rows": (ROW, [nn.GroupNorm(3)]),
        "PReLU": (IMAGE, [nn.PReLU("normal", shared_axes=(2, 3)), nn.PReLU("normal")]),
        "Dropout": (ROW, [nn.Dropout(0.5), nn.Dense(3), nn.GaussianNoise(1.0)]),
        "GaussianNoise": (ROW, [nn.GaussianNoise(1.0)]),
        "Flatten": (IMAGE, [nn.Flatten()]),
        "Reshape": (ROW, [nn.Reshape((2, -1)), nn.Conv1D(2, 2)]),
        "UpSampling2D": (IMAGE, [nn.UpSampling2D((3, 2))]),
        "UpSampling2D of a plane": (PLANE, [nn.UpSampling2D()]),
        "ZeroPad2D": (PLANE, [nn.ZeroPad2D((1, -2, 0, 3))]),
        "LeakyReLU": (ROW, [nn.LeakyReLU(0.2), nn.ELU(0.5), nn.LeakyReLU(), nn.Softmax()]),
        "Chain": (ROW, [nn.Chain([nn.Dense(4, "relu"), nn.Chain([nn.Dense(3)])])]),
        "a Sequential within": (ROW, [nn.Sequential([nn.Dense(4, "swish")]), nn.Dense(2)]),
        "Residual": (ROW, [nn.Residual([nn.Dense(5, "relu"), nn.Dense(6)]), nn.ReLU()]),
        "Residual with a projection": (
            IMAGE,
            [nn.Residual([nn.Conv2D(6, 3, "relu", stride=2, padding="same"), nn.BatchNorm()])],
        ),
        "Residual within Residual": (
            ROW,
            [nn.Residual([nn.Dense(4), nn.Residual([nn.Dense(4, "gelu")]), nn.Dense(6)])],
        ),
        "Parallel, concat": (
            PLANE,
            [nn.Parallel([nn.Conv2D(3, 3, padding="same")], [], [nn.ReLU()], join="concat")],
        ),
        "Parallel, concat of rows": (
            ROW,
            [nn.Parallel([nn.Dense(3)], [nn.Dense(2, "tanh"), nn.Dense(2)], join="concat")],
        ),
        "Parallel, multiply": (
            ROW,
            [nn.Parallel([nn.Dense(3)], [nn.Dense(3, "sigmoid")], [nn.Dense(3)], join="multiply")],
        ),
        "Parallel, add": (ROW, [nn.Parallel([nn.Dense(6)], [], [nn.Dense(6)])]),
    }
    for name in (*ACTIVATIONS, "softmax", "log_softmax"):
        found[f"activation {name}"] = ROW, [nn.Dense(5, name), nn.Activation(name)]
    return found


CASES = cases()


def built(name: str) -> Any:
    """The model of a case, with weights, running means and all, drawn at random."""
    shape, layers = cases()[name]
    model = nn.Sequential(layers, seed=1)
    model.build(shape)
    rng = np.random.default_rng(0)
    model.set_weights(
        [rng.uniform(0.5, 1.5, w.shape) if "var" in path else rng.normal(0, 0.5, w.shape)
         for path, w in zip(model.arrays, model.get_weights(), strict=True)]
    )  # fmt: skip
    return model


def run(path: Path, x: Any) -> Any:
    """What ONNX Runtime makes of x, without warnings of its own."""
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = x if isinstance(x, tuple) else (x,)
    names = [value.name for value in session.get_inputs()]
    return session.run(None, dict(zip(names, given, strict=True)))[0]


def inputs(model: Any) -> np.ndarray:
    shape = 3, *model.input_shape
    return np.random.default_rng(2).normal(0, 1, shape).astype(np.float32)


def assert_close(got: Any, want: Any) -> None:
    assert got.shape == want.shape
    scale = max(1.0, float(np.abs(want).max()))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.parametrize("name", CASES)
def test_runtime_computes_the_same_and_the_file_comes_back(name: str, tmp_path: Path) -> None:
    model, path = built(name), tmp_path / "m.onnx"
    model.export(path)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    x = inputs(model)
    want = model.predict(x)
    assert_close(run(path, x), want)
    again = nn.load(path)
    assert again.input_shape == model.input_shape
    assert again.count_params == model.count_params
    assert_close(again.predict(x), want)


def test_every_layer_has_a_case() -> None:
    def kinds(layers: Any) -> Any:
        for layer in layers:
            yield type(layer)
            yield from kinds([inner for branch in layer._branches for inner in branch])

    tested = {kind for name in CASES for kind in kinds(built(name).layers)}
    public = {
        value
        for name in nn.layers.__all__
        if isinstance(value := getattr(nn.layers, name), type)
        and issubclass(value, Layer)
        and value not in (Layer, Composite)
    }
    assert public <= tested


def test_layers_come_back_as_they_were_written(tmp_path: Path) -> None:
    model = nn.Sequential(
        [
            nn.Conv2D(4, 3, "relu", padding=(1, 1, 1, 1)),
            nn.MaxPool2D(2),
            nn.Residual([nn.Conv2D(4, 1, "swish"), nn.BatchNorm()]),
            nn.GlobalAvgPool2D(),
            nn.Dropout(0.25),
            nn.Dense(3, "softmax"),
        ],
        seed=0,
    )
    model.build((2, 8, 8))
    model.export(tmp_path / "m.onnx")
    again = nn.load(tmp_path / "m.onnx")

    def settings(layers: Any) -> Any:
        kept = {"activation", "rate", "stride", "padding", "momentum", "epsilon", "filters"}
        return [
            (type(layer).__name__, {k: v for k, v in vars(layer).items() if k in kept},
             [settings(branch) for branch in layer._branches])
            for layer in layers
        ]  # fmt: skip

    assert settings(again.layers) == settings(model.layers)


def test_a_loaded_model_trains(tmp_path: Path) -> None:
    (x, y), _ = nn.data.digits()
    model = nn.Sequential([nn.Dense(32, "relu"), nn.Dense(10, "softmax")], seed=0)
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    model.fit(x[:500], y[:500], epochs=2, verbose=0)
    model.export(tmp_path / "m.onnx")
    again = nn.load(tmp_path / "m.onnx")
    again.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    before = again.evaluate(x[:500], y[:500])
    np.testing.assert_allclose(before, model.evaluate(x[:500], y[:500]), rtol=1e-5)
    again.fit(x[:500], y[:500], epochs=3, verbose=0)
    assert again.evaluate(x[:500], y[:500])[0] < before[0]
    assert again.input_scale.factor == model.input_scale.factor == 1 / 255


def test_a_slice_and_a_double_model(tmp_path: Path) -> None:
    model = nn.Sequential([nn.Dense(4, "relu"), nn.Dense(2)], seed=0, dtype="float64")
    model.build((3,))
    model[:1].export(tmp_path / "m.onnx")
    x = np.ones((2, 3), np.float32)
    assert_close(run(tmp_path / "m.onnx", x), model[:1].predict(x))


def test_several_inputs(tmp_path: Path) -> None:
    images = [nn.Conv2D(4, 3, "relu"), nn.GlobalAvgPool2D()]
    model = nn.Sequential([nn.Parallel(images, [], join="concat"), nn.Dense(3, "softmax")], seed=0)
    model.build((IMAGE, ROW))
    model.export(tmp_path / "m.onnx")
    onnx.checker.check_model(onnx.load(tmp_path / "m.onnx"), full_check=True)
    x = tuple(np.random.default_rng(0).normal(size=(2, *s)).astype("f4") for s in (IMAGE, ROW))
    assert_close(run(tmp_path / "m.onnx", x), model.predict(x))
    with pytest.raises(nn.CheckpointError, match=r"2 inputs .* but one is taken"):
        nn.load(tmp_path / "m.onnx")


def test_what_cannot_be_exported(tmp_path: Path) -> None:
    class Own(nn.Layer):
        def infer_shape(self, input_shape: Any) -> Any:
            return input_shape

        def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
            return x, lambda dy, _: dy

    model = nn.Sequential([nn.Dense(2), Own()])
    with pytest.raises(RuntimeError, match="not built"):
        model.export(tmp_path / "m.onnx")
    model.build((3,))
    with pytest.raises(TypeError, match=r"layer 'own': Own has no ONNX operator. To fix: register"):
        model.export(tmp_path / "m.onnx")
    with pytest.raises(ValueError, match=r"ends in '\.onnx'"):
        model.export(tmp_path / "seven.png")
    with pytest.raises(FileNotFoundError):
        model.export(tmp_path / "nowhere" / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_files_of_pytorch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1, bias=False),
        torch.nn.BatchNorm2d(8),
        torch.nn.SiLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(8, 5),
    ).eval()
    x = torch.randn(2, 3, 8, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is deprecated
        torch.onnx.export(module, (x,), tmp_path / "m.onnx", dynamo=False)
    model = nn.load(tmp_path / "m.onnx")
    assert_close(model.predict(x.numpy()), module(x).detach().numpy())
