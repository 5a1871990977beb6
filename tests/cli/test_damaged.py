"""Model files whose description says something wrong: one line that names the file, never a fault.

Each value in the description is replaced in turn by each of a list of wrong ones.
"""

from __future__ import annotations

import copy
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

import nnaccel as nn
from nnaccel import _text

# A damaged range of training is one that inputs are unlike: said, and no error.
pytestmark = pytest.mark.filterwarnings("ignore:.*scale them as in training")

WRONG = [
    None,
    [],
    {},
    "x",
    -1,
    8.5,
    1e400,
    True,
    [[]],
    10**30,
    "a\x1b[31m\x07\nb\u202e\x9b",
    float("nan"),
]
CONTROLS = set(map(chr, [*range(32), *range(127, 160), 0x202E])) - {"\n"}


def parts(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    return json.loads(header["__metadata__"]["nnaccel"]), load_tensors(content)


def places(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each value, of lists the first two items."""
    if at:
        yield at
    keys: list[Any] = list(node) if isinstance(node, dict) else []
    if isinstance(node, list):
        keys = list(range(len(node)))[:2]
    for key in keys:
        yield from places(node[key], (*at, key))


def damaged(described: dict[str, Any], begin: str | None = None) -> Iterator[dict[str, Any]]:
    """Descriptions with one wrong value each; below `begin` only, if given."""
    for *way, last in places(described):
        if begin is not None and [*way, last][0] != begin:
            continue
        for value in WRONG:
            other = node = copy.deepcopy(described)
            for key in way:
                node = node[key]
            node[last] = value
            yield other


@pytest.fixture
def table(call: Any, tmp_path: Path) -> Path:
    """A table of numbers, text and two classes; `model` beside it was trained on it."""
    path = tmp_path / "table.csv"
    rows = [f"{i % 7},{'xyz'[i % 3]},{'pq'[i % 2]}" for i in range(40)]
    path.write_text("\n".join(["a,city,label", *rows]))
    save = ["--save", path.with_name("model"), "--quiet"]
    done = call("train", path, "--epochs", 1, "--hidden", "none", *save)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A digit; `model` beside it is a convolutional network."""
    path, pixels = tmp_path / "one.png", np.zeros((28, 28), np.uint8)
    pixels[6:22, 12:16] = 255
    Image.fromarray(pixels).save(path)
    layers = [nn.Conv2D(2, 3, "relu"), nn.GlobalAvgPool2D(), nn.Dense(3, "softmax")]
    model = nn.Sequential(layers, seed=0)
    model.build((1, 28, 28))
    model.save(tmp_path / "model")
    return path


def check(done: Any, path: Path) -> None:
    """One line on stderr and status 2, or the answer; no control characters."""
    assert not CONTROLS & set(done.stdout + done.stderr)
    assert done.returncode in (0, 2), done.stderr
    if done.returncode == 2:
        assert done.stderr.startswith("nnaccel: "), done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert str(path.parent) in done.stderr
    elif "--json" in done.args:
        json.loads(done.stdout, parse_constant=lambda token: pytest.fail(token))


def test_of_a_table(call: Any, table: Path) -> None:
    model = table.with_name("model")
    described, arrays = parts(model)
    for number, other in enumerate(damaged(described, "training")):
        model.write_bytes(save_tensors(arrays, {"nnaccel": json.dumps(other)}))
        check(call("predict", model, table, *["--json"][: number % 2]), table)
    changes: list[tuple[list[Any], Any]] = [
        (["next_epoch"], "9"),
        (["callbacks", "Note", "data"], 3),
        (["callbacks", "Note", "epochs"], "9"),
        (["callbacks", "Note", "batch_size"], 0),
        (["setting"], []),
    ]
    for (*way, last), value in changes:
        other = copy.deepcopy(described)
        node = other["training"]
        for key in way:
            node = node[key]
        node[last] = value
        model.write_bytes(save_tensors(arrays, {"nnaccel": json.dumps(other)}))
        done = call("train", "--resume", model, "--epochs", 3)
        check(done, table)
        assert done.returncode == 2
        assert last in done.stderr


def test_of_pictures(call: Any, picture: Path) -> None:
    model = picture.with_name("model")
    described, arrays = parts(model)
    for other in damaged(described):
        model.write_bytes(save_tensors(arrays, {"nnaccel": json.dumps(other)}))
        check(call("predict", model, picture), picture)
    for other in damaged(described, "input_shape"):
        model.write_bytes(save_tensors(arrays, {"nnaccel": json.dumps(other)}))
        done = call("filters", picture, "--model", model, "-o", picture.with_name("sheet.png"))
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
        assert str(model) in done.stderr


def test_a_model_without_a_loss_cannot_be_tested(call: Any, picture: Path) -> None:
    done = call("evaluate", picture.with_name("model"), "digits")
    assert done.returncode == 2
    assert "has no loss and no optimizer: call compile before save" in done.stderr


def test_weights_that_are_no_numbers_are_said(call: Any, picture: Path, table: Path) -> None:
    model = table.with_name("model")
    described, arrays = parts(model)
    arrays["dense.w"][:] = np.nan
    model.write_bytes(save_tensors(arrays, {"nnaccel": json.dumps(described)}))
    with pytest.warns(UserWarning, match=r"model: not all numbers are finite in dense\.w"):
        nn.load(model)
    warning = f"nnaccel: warning: {model}: not all numbers are finite in dense.w"
    done = call("predict", model, table)
    assert (done.returncode, len(done.stderr.splitlines())) == (0, 1)
    assert done.stderr.startswith(warning)
    assert "row 2: no prediction, since what the model gives is not finite" in done.stdout
    done = call("predict", model, table, "--json")
    check(done, table)
    answer = json.loads(done.stdout)[0]
    assert answer["prediction"] is None
    assert answer["probabilities"] == {"p": None, "q": None}
    done = call("evaluate", model, table, "--json")
    check(done, table)
    assert json.loads(done.stdout)["loss"] is None


def test_control_characters_of_classes_are_escaped(call: Any, table: Path) -> None:
    model = table.with_name("model")
    described, arrays = parts(model)
    names = ["p\x1b[31m", "q\x9b\n"]
    described["training"]["callbacks"]["Note"]["classes"] = names
    model.write_bytes(save_tensors(arrays, {"nnaccel": json.dumps(described)}))
    done = call("predict", model, table)
    check(done, table)
    assert done.returncode == 0
    assert r"p\x1b[31m" in done.stdout or r"q\x9b\n" in done.stdout
    assert len(done.stdout.splitlines()) == 40
    done = call("predict", model, table, "--json")
    check(done, table)
    assert list(json.loads(done.stdout)[0]["probabilities"]) == names


def test_what_a_terminal_obeys_is_escaped_and_nothing_else() -> None:
    assert _text.escaped("Köln\x1b[2J\n\x9b\u202e\ud800") == r"Köln\x1b[2J\n\x9b\u202e\ud800"
    text = "naïve — 東京 \xa0 👩\u200d💻 ½"
    assert _text.escaped(text) == text


@pytest.mark.parametrize("name", ["a\x1b[31m", "a\nb"])
def test_layers_have_names_that_can_be_printed(name: str) -> None:
    with pytest.raises(ValueError, match="must not have control characters"):
        nn.Dense(2, name=name)
    layer = nn.Dense(2)
    layer.name = name
    with pytest.raises(ValueError, match="must not have control characters"):
        nn.Sequential([layer])
