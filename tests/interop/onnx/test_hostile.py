"""ONNX files that are damaged, or made to do harm: one clear error, at once."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnaccel as nn

from .graphs import model, node, ones, onnx, saved


def good() -> Any:
    return model([node("Gemm", "x", "w", "y")], (4,), {"w": ones(4, 3)}, output_shape=("N", 3))


def refused(path: Path, why: str) -> None:
    with pytest.raises(nn.CheckpointError, match=why) as told:
        nn.load(path)
    assert str(path) in str(told.value)
    assert len(str(told.value)) < 800


@settings(max_examples=40)
@given(data=st.data())
def test_a_file_cut_short_or_with_other_bytes(tmp_path_factory: Any, data: Any) -> None:
    path = tmp_path_factory.mktemp("hostile") / "m.onnx"
    whole = bytearray(good().SerializeToString())
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=3)):
        whole[at] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    with contextlib.suppress(nn.CheckpointError):  # what is changed may be a weight
        assert nn.load(path).output_shape


@pytest.mark.parametrize("content", [b"", b"\x00" * 64, b"PK\x03\x04 no", bytes(range(256))])
def test_what_is_no_onnx_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    refused(path, "ONNX")


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no model file"):
        nn.load(tmp_path / "m.onnx")
    (tmp_path / "f.onnx").mkdir()
    with pytest.raises(OSError, match="it is a folder"):
        nn.load(tmp_path / "f.onnx")


def test_a_bomb_of_empty_messages_is_refused_unparsed(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    inner = b"\x0a\x00" * 310_000  # nodes of a graph, two bytes each
    size = len(inner)
    length = bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14])
    path.write_bytes(b"\x3a" + length + inner)
    refused(path, "more than 300,000 parts")


def test_messages_within_messages(tmp_path: Path) -> None:
    inner = b""
    for field in [*[6, 5, 1] * 500, 7]:  # a graph, its node, an attribute of that, a graph, …
        size = len(inner)
        length = bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14])
        inner = bytes([field << 3 | 2]) + length + inner
    (tmp_path / "m.onnx").write_bytes(good().SerializeToString() + inner)
    refused(tmp_path / "m.onnx", "not an ONNX file, or is damaged|no ONNX graph|does not hold")


@pytest.mark.parametrize("shape", [[1 << 40], [-4, 3], [4, 4], [1 << 62, 1 << 62, 0]])
def test_tensors_that_lie_about_their_shape(shape: list[int], tmp_path: Path) -> None:
    made = good()
    del made.graph.initializer[0].dims[:]
    made.graph.initializer[0].dims.extend(shape)
    refused(saved(tmp_path / "m.onnx", made), "tensor 'w'|do not fit")


def test_inputs_and_outputs_that_lie_about_their_shape(tmp_path: Path) -> None:
    made = good()
    made.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 5
    refused(saved(tmp_path / "m.onnx", made), r"said to be \(5,\), but is \(3,\)")
    made = model([node("Relu", "x", "y")], (1 << 20, 1 << 20))
    refused(saved(tmp_path / "m.onnx", made), "too large")
    made = model([node("MaxPool", "x", "y", kernel_shape=[1, 1], pads=[1 << 30] * 4)], (1, 1, 1))
    refused(saved(tmp_path / "m.onnx", made), "m.onnx: ")


def external(location: str, **more: Any) -> Any:
    made = good()
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        tensor.external_data.add(key=key, value=str(value))
    return made


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/passwd", "link.bin", "a/../../x"])
def test_external_data_outside_the_folder(location: str, tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(48))
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    refused(saved(folder / "m.onnx", external(location)), "outside the folder of the model")


@pytest.mark.parametrize("offset", [4, -1, 1 << 60, "many"])
def test_external_data_that_is_not_there(offset: Any, tmp_path: Path) -> None:
    refused(saved(tmp_path / "m.onnx", external("none.bin")), "no file beside the model")
    refused(saved(tmp_path / "m.onnx", external("")), "no file beside the model")
    (tmp_path / "w.bin").write_bytes(bytes(48))
    assert nn.load(saved(tmp_path / "m.onnx", external("w.bin"))).output_shape == (3,)
    refused(saved(tmp_path / "m.onnx", external("w.bin", offset=offset)), "does not fit|invalid")


def test_more_nodes_than_any_network(tmp_path: Path) -> None:
    names = ["x", *map(str, range(20_001)), "y"]
    nodes = [node("Relu", a, b) for a, b in itertools.pairwise(names)]
    refused(saved(tmp_path / "m.onnx", model(nodes)), "more than 20,000 nodes")


def test_branches_too_deep(tmp_path: Path) -> None:
    nodes, last = [], "x"
    for i in range(60):
        nodes += [node("Relu", last, f"r{i}")]
        last = f"r{i}"
    joined = last
    for i in reversed(range(59)):
        nodes += [node("Add", joined, f"r{i}", f"a{i}")]
        joined = f"a{i}"
    nodes.append(node("Identity", joined, "y"))
    refused(saved(tmp_path / "m.onnx", model(nodes)), "more than 32 deep")
