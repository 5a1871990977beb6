"""Weights of PyTorch and Keras: the same predictions here, and what does not fit is told."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import nnaccel as nn

RNG = np.random.default_rng(0)


def draw(*shape: int) -> np.ndarray:
    return RNG.normal(0, 0.5, shape).astype(np.float32)


def small() -> Any:
    model = nn.Sequential([nn.Dense(4, "relu"), nn.Dense(2)], seed=0)
    model.build((3,))
    return model


def state(first: str = "0", second: str = "2") -> dict[str, np.ndarray]:
    return {
        f"{first}.weight": draw(4, 3),
        f"{first}.bias": draw(4),
        f"{second}.weight": draw(2, 4),
        f"{second}.bias": draw(2),
    }


def test_dense_weights_are_transposed(backend: Any) -> None:
    model, given = small(), state()
    assert model.load_weights(given) == []
    np.testing.assert_array_equal(nn.to_numpy(model[0].params["w"]), given["0.weight"].T)
    np.testing.assert_array_equal(nn.to_numpy(model[1].params["b"]), given["2.bias"])
    kept = {name: np.zeros_like(value) for name, value in given.items()}
    model.save_weights(kept)
    for name, value in given.items():
        np.testing.assert_array_equal(kept[name], value)


def test_by_name_whatever_the_order() -> None:
    model, given = small(), state("dense_1", "dense")
    given["dense.weight"], given["dense_1.weight"] = draw(4, 3), draw(2, 4)
    given["dense.bias"], given["dense_1.bias"] = draw(4), draw(2)
    assert model.load_weights(given) == []
    np.testing.assert_array_equal(model[0].params["b"], given["dense.bias"])
    with pytest.raises(ValueError, match=r"dense\.w is"):
        model.load_weights(given, by="order")


def test_what_does_not_fit_is_told_and_nothing_changes() -> None:
    model, given = small(), state()
    before = model.get_weights()
    given["2.weight"] = draw(5, 4)
    given["0.extra"] = draw(1)
    given["4.weight"] = draw(1, 1)
    wanted = [
        "4: no layer for it",
        "0.extra: dense has none",
        "dense_1.w is (4, 2), 2.weight is (5, 4), which gives (4, 5)",
    ]
    with pytest.raises(ValueError, match=r"no layer for it.*\(4, 5\).*strict=False"):
        model.load_weights(given)
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    assert model.load_weights(given, strict=False) == wanted
    np.testing.assert_array_equal(model[0].params["b"], given["0.bias"])
    np.testing.assert_array_equal(model[1].params["w"], before[2])


def test_safetensors(tmp_path: Path) -> None:
    chain = [nn.Dense(3, use_bias=False) for _ in range(12)]
    model = nn.Sequential(chain, seed=0)
    model.build((3,))
    given = {f"{i}.weight": np.full((3, 3), i, np.float32) for i in range(12)}
    save_file(given, tmp_path / "m.safetensors")
    assert model.load_weights(tmp_path / "m.safetensors") == []
    assert [float(layer.params["w"][0, 0]) for layer in model] == list(range(12))
    save_file(state("conv", "head"), tmp_path / "n.safetensors")
    with pytest.raises(ValueError, match=r"does not tell the order.*conv, head"):
        small().load_weights(tmp_path / "n.safetensors")
    save_file(state("dense", "dense_1"), tmp_path / "n.safetensors")
    assert small().load_weights(str(tmp_path / "n.safetensors")) == []
    small().save(tmp_path / "own.safetensors")
    with pytest.raises(nn.CheckpointError, match=r"own.safetensors: .*give it to nn\.load"):
        small().load_weights(tmp_path / "own.safetensors")


def test_a_transposed_array_is_told_as_it_would_be_here() -> None:
    with pytest.raises(
        ValueError, match=r"dense_1.w is \(4, 2\), .* is \(4, 2\), which gives \(2, 4\)"
    ):
        small().load_weights(state() | {"2.weight": draw(4, 2)})


@pytest.mark.parametrize("bias", [[None, 1.0], [1j, 0], ["a", "b"]])
def test_weights_are_real_numbers(bias: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"2.bias has dtype .*, no real numbers"):
        small().load_weights(state() | {"2.bias": np.array(bias)})


@pytest.mark.parametrize("start", [b"PK\3\4", b"\x89HDF"])
def test_load_says_where_weights_of_other_libraries_go(start: bytes, tmp_path: Path) -> None:
    path = tmp_path / "theirs.pt"
    path.write_bytes(start + bytes(99))
    with pytest.raises(nn.CheckpointError, match=r"PyTorch or Keras.*load_weights"):
        nn.load(path)


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="not built"):
        nn.Sequential([nn.Dense(2)]).load_weights(state())
    with pytest.raises(TypeError, match="a state dict to load_weights"):
        small().set_weights(state())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="by"):
        small().load_weights(state(), by="names")
    with pytest.raises(TypeError, match="expected a file's name or a state dict, got list"):
        small().load_weights([1])
    with pytest.raises(nn.CheckpointError, match=r"'state_dict' is of type dict, no array"):
        small().load_weights({"state_dict": state()})
    with pytest.raises(FileNotFoundError):
        small().load_weights(tmp_path / "none.safetensors")
    with pytest.raises(nn.CheckpointError, match=r"m\.bin: weights come in files of"):
        small().load_weights(tmp_path / "m.bin")
    (tmp_path / "m.safetensors").write_bytes(b"nothing")
    with pytest.raises(nn.CheckpointError, match=r"m\.safetensors: "):
        small().load_weights(tmp_path / "m.safetensors")


def pytorch() -> tuple[Any, Any]:
    """A network of PyTorch's with running means, and layers like its."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
    torch.manual_seed(0)
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(3, 6, 3, padding=1, groups=3),
        torch.nn.BatchNorm2d(6, eps=1e-3),
        torch.nn.PReLU(6),
        torch.nn.ConvTranspose2d(6, 4, 2, stride=2, groups=2),
        torch.nn.GroupNorm(2, 4, eps=1e-3),
        torch.nn.Flatten(),
        torch.nn.Linear(4 * 100, 7),
        torch.nn.LayerNorm(7, eps=1e-3),
        torch.nn.Linear(7, 2, bias=False),
    )
    theirs(torch.randn(8, 3, 5, 5))
    ours = nn.Sequential(
        [
            nn.Conv2D(6, 3, padding=1, groups=3),
            nn.BatchNorm(),
            nn.PReLU(shared_axes=(2, 3)),
            nn.Conv2DTranspose(4, 2, stride=2, groups=2),
            nn.GroupNorm(2),
            nn.Dense(7),
            nn.LayerNorm(),
            nn.Dense(2, use_bias=False),
        ]
    )
    ours.build((3, 5, 5))
    return theirs.eval(), ours


@pytest.mark.parametrize("way", ["dict", "pt", "safetensors"])
def test_a_network_of_pytorch_predicts_the_same(way: str, tmp_path: Path) -> None:
    theirs, ours = pytorch()
    import torch
    from safetensors.torch import save_file as save

    source: Any = theirs.state_dict()
    if way == "pt":
        source = tmp_path / "m.pt"
        torch.save(theirs.state_dict(), source)
    elif way == "safetensors":
        source = tmp_path / "m.safetensors"
        save(theirs.state_dict(), source)
    assert ours.load_weights(source) == []
    x = draw(4, 3, 5, 5)
    want = theirs(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(ours.predict(x), want, rtol=1e-5, atol=1e-5)
    with pytest.raises(TypeError, match=r"give \.state_dict"):
        ours.load_weights(theirs)


@pytest.mark.parametrize("way", ["dict", "pt", "safetensors"])
def test_pytorch_gets_the_weights_of_a_network_here(way: str, tmp_path: Path) -> None:
    theirs, ours = pytorch()
    import torch
    from safetensors.torch import load_file

    for layer in ours.layers:
        for array in layer.arrays.values():
            array[...] = RNG.uniform(0.1, 1, array.shape)
    if way == "dict":
        ours.save_weights(theirs.state_dict())
    else:
        path = tmp_path / f"m.{way}"
        ours.save_weights(path, like=theirs.state_dict())
        state = load_file(path) if way == "safetensors" else torch.load(path)
        theirs.load_state_dict(state)
    x = draw(4, 3, 5, 5)
    want = theirs(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(ours.predict(x), want, rtol=1e-5, atol=1e-5)


def test_pickles_with_code_are_refused(tmp_path: Path) -> None:
    theirs, ours = pytorch()
    import torch

    torch.save(theirs, tmp_path / "m.pt")
    with pytest.raises(nn.CheckpointError, match=r"m\.pt: holds more than tensors"):
        ours.load_weights(tmp_path / "m.pt")


def h5(write: Callable[[Any], None]) -> bytes:
    h5py = pytest.importorskip("h5py", reason="h5py is not installed: pip install h5py")
    kept = io.BytesIO()
    with h5py.File(kept, "w") as file:
        write(file)
    return kept.getvalue()


def write_keras(file: Any) -> None:
    """As Keras writes Conv2D(2, 3), Conv2D(1, 1, name='last') and Dense(3) behind a Flatten."""
    arrays = {
        "conv2d": [draw(3, 3, 2, 2), draw(2)],
        "conv2d_1": [draw(1, 1, 2, 1), draw(1)],
        "dense": [draw(9, 3), draw(3)],
    }
    for name, values in arrays.items():
        group = file.create_group(f"layers/{name}/vars")
        group.attrs["name"] = "last" if name == "conv2d_1" else name
        for number, value in enumerate(values):
            group[str(number)] = value


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
def test_files_of_keras(suffix: str, tmp_path: Path) -> None:
    data, path = h5(write_keras), tmp_path / f"m{suffix}"
    if suffix == ".keras":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("model.weights.h5", data)
    else:
        path.write_bytes(data)
    model = nn.Sequential([nn.Conv2D(2, 3), nn.Conv2D(1, 1), nn.Flatten(), nn.Dense(3)])
    model.build((2, 5, 5))
    assert model.load_weights(path) == []
    import h5py

    with h5py.File(io.BytesIO(data)) as file:
        kernel = file["layers/conv2d/vars/0"][()]
    assert float(model[0].params["w"][1, 0, 2, 1]) == kernel[2, 1, 0, 1]
    other = nn.Sequential([nn.Conv2D(2, 3), nn.Conv2D(1, 1), nn.Flatten(), nn.Dense(3)], seed=1)
    other.build((2, 5, 5))
    trained = other.get_weights()
    other.save_weights(tmp_path / f"new{suffix}", like=path)
    assert model.load_weights(tmp_path / f"new{suffix}") == []
    for ours, theirs in zip(model.get_weights(), trained, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_files_of_weights_need_names_and_shapes(tmp_path: Path) -> None:
    model = small()
    model.save_weights(tmp_path / "m.safetensors", like=state())
    again = small()
    assert again.load_weights(tmp_path / "m.safetensors") == []
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(TypeError, match="needs like=: a state dict"):
        model.save_weights(tmp_path / "new.pt")
    with pytest.raises(TypeError, match=r"not to a Sequential: give module\.state_dict"):
        model.save_weights(small())
    with pytest.raises(TypeError, match="like= is for files"):
        model.save_weights(state(), like=state())
    with pytest.raises(ValueError, match=r"ends in \.safetensors, \.pt, \.pth"):
        model.save_weights(tmp_path / "new.h5", like=state())
    wide = state() | {"2.bias": draw(5)}
    with pytest.raises(ValueError, match=r"the weights do not fit: dense_1\.b.*layers there$"):
        model.save_weights(tmp_path / "new.pt", like=wide)
    assert not [*tmp_path.glob("new*")]


@pytest.mark.parametrize("what", ["a link", "a file beside", "a bomb", "no file"])
def test_hostile_files_of_keras(what: str, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py is not installed: pip install h5py")
    (tmp_path / "secret").write_bytes(bytes(400))

    def write(file: Any) -> None:
        group = file.create_group("layers/dense/vars")
        if what == "a link":
            group["0"] = h5py.ExternalLink("other.h5", "/x")
            file["layers/more"] = h5py.SoftLink("/")
        elif what == "a file beside":
            group.create_dataset("0", (4, 4), "f4", external=[(str(tmp_path / "secret"), 0, 64)])
        else:
            group.create_dataset("0", (1 << 20, 1 << 20), "f4", chunks=(1024, 1024))

    path = tmp_path / "m.weights.h5"
    path.write_bytes(b"no" if what == "no file" else h5(write))
    with pytest.raises(nn.CheckpointError, match=r"m\.weights\.h5: "):
        small().load_weights(path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # in Keras itself
def test_a_network_of_keras_predicts_the_same(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch, which computes Keras here, is not installed")
    os.environ["KERAS_BACKEND"] = "torch"
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    k = keras.layers
    theirs = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            k.Conv2D(4, 3, activation="relu", name="first"),
            k.BatchNormalization(),
            k.DepthwiseConv2D(3, depth_multiplier=2),
            k.Conv2DTranspose(5, 3, strides=2),
            k.PReLU(shared_axes=[1, 2]),
            k.Conv2D(2, 3, strides=2),
            k.Flatten(),
            k.BatchNormalization(),
            k.Dense(6),
            k.LayerNormalization(),
            k.Dense(2, activation="softmax"),
        ]
    )
    theirs.set_weights([RNG.uniform(0.1, 1, w.shape) for w in theirs.get_weights()])
    ours = nn.Sequential(
        [
            nn.Conv2D(4, 3, "relu"),
            nn.BatchNorm(),
            nn.DepthwiseConv2D(3, multiplier=2),
            nn.Conv2DTranspose(5, 3, stride=2),
            nn.PReLU(shared_axes=(2, 3)),
            nn.Conv2D(2, 3, stride=2),
            nn.Flatten(),
            nn.BatchNorm(),
            nn.Dense(6),
            nn.LayerNorm(),
            nn.Dense(2, "softmax"),
        ]
    )
    ours.build((3, 8, 8))
    x = draw(4, 8, 8, 3)
    want = theirs.predict(x, verbose=0)
    for name in ("m.weights.h5", "m.keras"):
        (theirs.save_weights if "h5" in name else theirs.save)(tmp_path / name)
        assert ours.load_weights(tmp_path / name) == []
        got = ours.predict(x.transpose(0, 3, 1, 2))
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    for layer in ours.layers:
        for array in layer.arrays.values():
            array[...] = RNG.uniform(0.1, 1, array.shape)
    want = ours.predict(x.transpose(0, 3, 1, 2))
    for name in ("m.weights.h5", "m.keras"):
        ours.save_weights(tmp_path / f"new-{name}", like=tmp_path / name)
        if "h5" in name:
            theirs.load_weights(tmp_path / f"new-{name}")
        else:
            theirs = keras.models.load_model(tmp_path / f"new-{name}")
        np.testing.assert_allclose(theirs.predict(x, verbose=0), want, rtol=1e-4, atol=1e-5)


def test_nothing_is_written_where_one_array_takes_no_weights() -> None:
    model, kept = small(), {name: 0 * value for name, value in state().items()}
    whole = {**kept, "2.bias": np.zeros(2, np.int64)}
    with pytest.raises(TypeError, match=r"2\.bias holds int64, which would cut weights"):
        model.save_weights(whole)
    kept["2.weight"].flags.writeable = False
    with pytest.raises(ValueError, match=r"2\.weight is read-only: give a copy"):
        model.save_weights(kept)
    assert not kept["0.weight"].any()
    assert not whole["0.weight"].any()


def test_arrays_of_16_bits_are_filled() -> None:
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    for dtype in (np.float16, bfloat16):
        model, given = small(), {name: value.astype(dtype) for name, value in state().items()}
        model.save_weights(given)
        wanted = nn.to_numpy(model[0].params["w"]).T.astype(dtype)
        np.testing.assert_array_equal(given["0.weight"], wanted)
