"""Files: everything comes back, nothing hostile gets in, and what is on disk is whole."""

from __future__ import annotations

import ast
import copy
import errno
import json
import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save as save_tensors

from nnaccel import CheckpointError
from nnaccel.layers import (
    ELU,
    Activation,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    ReLU,
    Softmax,
    initializers,
)
from nnaccel.layers.penalties import L1L2
from nnaccel.model.loading import load
from nnaccel.model.sequential import Sequential
from nnaccel.training import checkpoint

from ..registered import OPTIMIZERS


def problem() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(20, 2, 3)).astype("float32"), rng.integers(3, size=20)


def every_layer() -> Sequential:
    layers: list[Layer] = [
        Flatten(),
        Dense(5, "gelu", initializer="orthogonal", penalty=L1L2(0.01, 0.02), name="first"),
        ReLU(),
        Dense(4, use_bias=False, initializer=initializers.get("he_normal")),
        LeakyReLU(0.2),
        Dropout(0.25),
        Dense(4, "elu", bias_initializer="normal"),
        ELU(0.7),
        Activation("softplus"),
        Dense(3),
        Softmax(),
    ]
    return Sequential(layers, seed=3)


def small(optimizer: Any = "adam", **settings: Any) -> Sequential:
    layers = [Dense(4, "tanh"), Dropout(0.2), Dense(3, "softmax")]
    model = Sequential(layers, seed=0, **settings)
    model.compile(optimizer=optimizer, metrics=["accuracy"])
    model.fit(*problem(), epochs=2, verbose=0)
    return model


# Round trips


def test_every_layer_comes_back(tmp_path: Path, backend: Any) -> None:
    model, (x, y) = every_layer(), problem()
    model.compile()
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert [repr(layer) for layer in again.layers] == [repr(layer) for layer in model.layers]
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert again.evaluate(x, y) == model.evaluate(x, y)
    assert again.input_shape == (2, 3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_goes_on_where_it_was_saved(
    optimizer: str, dtype: str, tmp_path: Path, backend: Any
) -> None:
    model, (x, y) = small(OPTIMIZERS[optimizer](), dtype=dtype), problem()
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert repr(again.optimizer) == repr(model.optimizer)
    assert again.metrics == model.metrics
    assert again.dtype == dtype
    histories = [m.fit(x, y, epochs=2, verbose=0).history for m in (model, again)]
    assert histories[0] == histories[1]
    np.testing.assert_array_equal(again.weights, model.weights)


def test_what_was_never_compiled_or_trained(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    model = every_layer()
    with pytest.raises(RuntimeError, match="not built"):
        model.save(path)
    assert not path.exists()
    model.build((2, 3))
    model.save(path)
    again = load(path)
    with pytest.raises(RuntimeError, match="not compiled"):
        again.fit(*problem())
    np.testing.assert_array_equal(again.weights, model.weights)


def test_a_slice_is_saved_alone(tmp_path: Path) -> None:
    model, (x, _) = small(), problem()
    model[:-1].save(tmp_path / "body")
    np.testing.assert_array_equal(load(tmp_path / "body").predict(x), model[:-1].predict(x))
    model[1:].save(str(tmp_path / "head"))
    assert load(str(tmp_path / "head")).input_shape == (4,)


def test_layers_of_ones_own(tmp_path: Path) -> None:
    class Scale(Layer):
        def __init__(self, factor: float, name: str | None = None) -> None:
            super().__init__(name)
            self.factor = factor

        def infer_shape(self, input_shape: Any) -> Any:
            return input_shape

        def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
            return self.factor * x, lambda dy, _: self.factor * dy

        def config(self) -> dict[str, Any]:
            return {"factor": self.factor, "name": self.name}

    model = Sequential([Dense(2), Scale(3.0)], seed=0)
    model.build((4,))
    path, x = tmp_path / "m", np.ones((1, 4))
    model.save(path)
    with pytest.raises(CheckpointError, match=r"unknown layer 'Scale'.*custom_objects"):
        load(path)
    again = load(path, custom_objects={"Scale": Scale})
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


# On disk


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.safetensors"
    model = small()
    model.save(path)
    before = path.read_bytes()
    model.weights[...] = 0

    def fail(*_: Any) -> None:
        raise OSError("no space left on device")

    for name in ("replace", "fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, fail)
            with pytest.raises(OSError, match="no space"):
                model.save(path)
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]
    model.save(path)
    assert not load(path).weights.any()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_files_have_the_mode_of_other_new_files(tmp_path: Path) -> None:
    small().save(tmp_path / "m")
    (tmp_path / "other").touch()
    assert (tmp_path / "m").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no model file"):
        load(tmp_path / "none")
    with pytest.raises(OSError, match=r"cannot read .*: it is a folder"):
        load(tmp_path)
    model = small()
    before = model.weights.copy()
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        model.save(tmp_path / "none" / "m")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        model.fit(*problem(), checkpoint=tmp_path / "none" / "m", verbose=0)
    np.testing.assert_array_equal(model.weights, before)


@pytest.mark.parametrize("error", [errno.EACCES, errno.EIO])
def test_a_file_that_cannot_be_read_is_not_called_damaged(
    error: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small().save(tmp_path / "m")
    why = os.strerror(error)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(error, why)

    for place in ("builtins.open", "safetensors.safe_open", "pathlib.Path.is_file"):
        with monkeypatch.context() as patch:
            patch.setattr(place, fail)
            with pytest.raises(OSError, match=rf"cannot read .*m: {why}") as caught:
                load(tmp_path / "m")
            assert caught.value.errno == error


def test_there_is_no_pickle_anywhere() -> None:
    for path in Path(checkpoint.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", "")}
                assert not names & {"pickle", "cPickle", "dill", "marshal", "shelve"}, path
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert isinstance(node.value, ast.Constant), path
                assert node.value.value is False, path


# Hostile files


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "m"
    small().save(path)
    return path.read_bytes()


def refuse(path: Path, content: bytes, message: str = ".") -> None:
    """Loading raises a CheckpointError in one line, and allocates next to nothing."""
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match=message) as caught:
            load(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value)) < 1000
    assert peak < 20_000_000 + 3 * len(content)


def test_truncated_anywhere(whole: bytes, tmp_path: Path) -> None:
    ends = {0, 1, 7, 8, 9, len(whole) - 1, *range(0, len(whole), len(whole) // 60)}
    for end in ends:
        refuse(tmp_path / "m", whole[:end])


@given(content=st.binary(max_size=200))
def test_any_bytes(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    refuse(tmp_path_factory.getbasetemp() / "bytes", content)


@given(place=st.integers(0, 10**6), value=st.integers(0, 255))
def test_one_wrong_byte_in_the_header(
    place: int, value: int, whole: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    size = 8 + struct.unpack("<Q", whole[:8])[0]
    content = bytearray(whole)
    content[place % size] = value
    path = tmp_path_factory.getbasetemp() / "flipped"
    path.write_bytes(content)
    try:
        model = load(path)
    except CheckpointError:
        return
    assert isinstance(model, Sequential)  # a letter of a name or a number may well have changed


def test_a_header_that_lies_about_its_size(tmp_path: Path) -> None:
    for size in (2**63, 2**40, 100_000_000, 50):
        refuse(tmp_path / "m", struct.pack("<Q", size) + b"{}" * 20)


def test_other_safetensors(tmp_path: Path) -> None:
    array = {"w": np.zeros(3, np.float32)}
    refuse(tmp_path / "m", save_tensors(array), "holds arrays, but no model of nnaccel")
    refuse(tmp_path / "m", save_tensors(array, {"format": "pt"}), "no model of nnaccel")
    for text in ("", "{", "[]", "3", "null", '"x"', "[" * 10**5, "1" * 10**4, '{"format": 1}'):
        refuse(tmp_path / "m", save_tensors(array, {"nnaccel": text}))


def parts(content: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    from safetensors.numpy import load as load_tensors

    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    return json.loads(header["__metadata__"]["nnaccel"]), load_tensors(content)


Change = Callable[[dict[str, Any]], Any]


def put(value: Any, *path: Any) -> Change:
    def change(described: dict[str, Any]) -> None:
        for key in path[:-1]:
            described = described[key]
        described[path[-1]] = value

    return change


NONSENSE = [None, -1, 0.5, "x", [], {}, [[]], {"a": 1}, 10**30, -(10**30), True, 1e308]
KEYS = ["seed", "dtype", "input_shape", "layers", "iterations", "epochs", "loss", "metrics"]


@pytest.mark.parametrize("key", [*KEYS, "optimizer"])
def test_wrong_types_and_missing_keys(key: str, whole: bytes, tmp_path: Path) -> None:
    described, arrays = parts(whole)
    del described[key]
    if key != "loss":  # a model need not be compiled
        refuse(tmp_path / "m", save_tensors(arrays, {"nnaccel": json.dumps(described)}))
    for value in NONSENSE:
        described[key] = value
        if (key, value) in (("metrics", []), ("metrics", {}), ("seed", 10**30)):
            continue  # those do make sense
        if key == "epochs" and value == 10**30:
            continue
        refuse(tmp_path / "m", save_tensors(arrays, {"nnaccel": json.dumps(described)}))


CHANGES: dict[str, Change] = {
    "unknown class": put("Danse", "layers", 0, "class"),
    "no class": lambda d: d["layers"][0].pop("class"),
    "class of a wrong type": put(["Dense"], "layers", 0, "class"),
    "an unsafe class": put("os.system", "layers", 0, "class"),
    "no config": lambda d: d["layers"][0].pop("config"),
    "config of a wrong type": put(3, "layers", 0, "config"),
    "unknown setting": put(3, "layers", 0, "config", "unitz"),
    "units": put(10**12, "layers", 0, "config", "units"),
    "infinite units": put(float("inf"), "layers", 0, "config", "units"),
    "units of a wrong type": put("4", "layers", 0, "config", "units"),
    "negative units": put(-4, "layers", 0, "config", "units"),
    "activation": put("sotfmax", "layers", 0, "config", "activation"),
    "initializer": put({"name": "evil"}, "layers", 0, "config", "initializer"),
    "initializer of a wrong type": put(7, "layers", 0, "config", "initializer"),
    "penalty": put({"l1": -1, "l2": 0}, "layers", 0, "config", "penalty"),
    "name of a wrong type": put([1], "layers", 0, "config", "name"),
    "two of one name": put("dense_1", "layers", 0, "config", "name"),
    "rate": put(2, "layers", 1, "config", "rate"),
    "a layer less": lambda d: d["layers"].pop(),
    "many layers": lambda d: d["layers"].extend(copy.deepcopy(d["layers"]) * 100),
    "input shape": put([10**6, 10**6], "input_shape"),
    "negative input shape": put([-6], "input_shape"),
    "input shape of a wrong type": put(["6"], "input_shape"),
    "shapes of two inputs": put([[6], [3]], "input_shape"),
    "shapes of many": put([[10**6, 10**6], ["6"]], "input_shape"),
    "scales of two inputs": put([], "input_scale"),
    "dtype": put("int8", "dtype"),
    "format": put(99, "format"),
    "loss": put("evil", "loss"),
    "metric": put(["evil"], "metrics"),
    "optimizer's name": put("evil", "optimizer", "name"),
    "optimizer's config": put({}, "optimizer", "config"),
    "optimizer's setting": put(3, "optimizer", "config", "evil"),
    "optimizer's value": put(3, "optimizer", "config", "beta_1"),
    "learning rate": put("x", "optimizer", "config", "learning_rate"),
    "schedule": put({"name": "evil"}, "optimizer", "config", "learning_rate"),
    "another optimizer": put({"name": "sgd", "config": {"learning_rate": 1}}, "optimizer"),
    "many iterations": put(2**63, "iterations"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_descriptions_that_lie(change: str, whole: bytes, tmp_path: Path) -> None:
    described, arrays = parts(whole)
    CHANGES[change](described)
    refuse(tmp_path / "m", save_tensors(arrays, {"nnaccel": json.dumps(described)}))


@pytest.mark.parametrize("name", ["dense.w", "dense.b", "optimizer"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 7), (0, 4), (1, 10**5)])
def test_arrays_of_wrong_shapes(
    name: str, shape: tuple[int, ...], whole: bytes, tmp_path: Path
) -> None:
    described, arrays = parts(whole)
    text = {"nnaccel": json.dumps(described)}
    message = name.replace("optimizer", "optimizer's state") + ".* has shape"
    refuse(tmp_path / "m", save_tensors({**arrays, name: np.zeros(shape, "f4")}, text), message)
    if name != "optimizer":
        arrays.pop(name)
        refuse(tmp_path / "m", save_tensors(arrays, text), f"{name} is missing")


@pytest.mark.parametrize("scale", [1.0, [1.0], [0.0, 3.0], [-1.0, 3.0], [np.nan, 0.0], [np.inf, 0]])
def test_wrong_loss_scales(scale: Any, whole: bytes, tmp_path: Path) -> None:
    described, arrays = parts(whole)
    text = {"nnaccel": json.dumps({**described, "dtype": "mixed_float16"})}
    content = save_tensors({**arrays, "loss_scale": np.array(scale)}, text)
    refuse(tmp_path / "m", content, "the loss scale has .* expected two numbers")


def test_numbers_that_numpy_does_not_know(whole: bytes, tmp_path: Path) -> None:
    size = struct.unpack("<Q", whole[:8])[0]
    header = json.loads(whole[8 : 8 + size])
    begin, end = header["dense.b"]["data_offsets"]
    header["dense.b"] = {
        "dtype": "BF16",
        "shape": [(end - begin) // 2],
        "data_offsets": [begin, end],
    }
    text = json.dumps(header).encode()
    refuse(tmp_path / "m", struct.pack("<Q", len(text)) + text + whole[8 + size :])


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"\x89PNG....{", b"{}"])
def test_what_is_no_model_is_not_overwritten(tmp_path: Any, content: bytes) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    model = Sequential([Dense(2, "softmax")], seed=0)
    model.compile()
    x, y = np.eye(4, dtype="float32"), [0, 1, 0, 1]
    model.build((4,))
    for save in (lambda: model.save(path), lambda: model.fit(x, y, checkpoint=path, verbose=0)):
        with pytest.raises(OSError, match="it exists and is no model file; give another name"):
            save()
    assert path.read_bytes() == content
    model.save(tmp_path / "m")
    model.save(tmp_path / "m")
