"""Convolutional networks from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nnaccel.model.loading import load

from ..bench.quick import hurry


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """Make 60 grey pictures of 8 by 8 pixels: a bar that lies, or one that stands."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 30, (60, 8, 8), np.uint8)
    y = np.arange(60) % 2
    x[y == 0, 3:5] += 200
    x[y == 1, :, 3:5] += 200
    np.savez(tmp_path / "bars.npz", x=x, y=y)
    return tmp_path / "bars.npz"


@pytest.mark.parametrize("name", ["cnn", "lenet"])
def test_a_named_network_learns_and_is_kept(call: Any, bars: Path, name: str) -> None:
    path = bars.with_name("kept.safetensors")
    done = call("train", bars, "--model", name, "--epochs", 2, "--dropout", "0.1", "--save", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "test accuracy  100.00%" in done.stdout
    kinds = [type(layer).__name__ for layer in load(path).layers]
    assert kinds.count("Conv2D") == 2
    assert kinds.count("Dropout") == 2
    done = call("train", "--resume", path, "--epochs", 3)
    assert "epoch 3/3" in done.stdout
    facts = json.loads(call("evaluate", path, bars, "--json").stdout)
    assert facts["accuracy"] == 1


def test_a_picture_is_told(call: Any, bars: Path) -> None:
    path = bars.with_name("kept.safetensors")
    assert call("train", bars, "--model", "cnn", "--epochs", 2, "--save", path).returncode == 0
    page = np.full((40, 40), 255, np.uint8)
    page[:, 15:25] = 0
    Image.fromarray(page).save(bars.with_name("bar.png"))
    (answer,) = json.loads(call("predict", path, bars.with_name("bar.png"), "--json").stdout)
    assert answer["probabilities"].keys() == {"0", "1"}


def test_colours_may_come_last(call: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 50, (40, 8, 9, 3), np.uint8), np.arange(40) % 2
    x[y == 1, :, :, 2] += 200
    np.savez(tmp_path / "blue.npz", x=x, y=y)
    path = tmp_path / "blue.safetensors"
    done = call("train", tmp_path / "blue.npz", "--model", "cnn", "--epochs", 2, "--save", path)
    assert done.returncode == 0, done.stderr
    assert load(path).input_shape == (3, 8, 9)
    facts = json.loads(call("evaluate", path, tmp_path / "blue.npz", "--json").stdout)
    assert facts["accuracy"] > 0.9


def test_explain_comes_before_the_training(call: Any, bars: Path) -> None:
    done = call("train", bars, "--model", "cnn", "--epochs", 1, "--explain")
    assert done.returncode == 0, done.stderr
    table, training = done.stdout.split("epoch 1/1")
    for shown in ("reference.conv2d_weight_gradient", "im2col", "max_pool2d", "why"):
        assert shown in table
    assert "test accuracy" in training
    quiet = call("train", bars, "--epochs", 1, "--explain", "--quiet")
    assert "reference.linear_backward" in quiet.stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["digits", "--model", "cnn", "--hidden", "9"], "leave out --hidden: --model cnn has"),
        (["iris", "--model", "lenet"], "rows of 4 numbers, not images, which --model lenet is for"),
        (["digits", "--model", "resnet"], "--model"),
        (["{tiny}", "--model", "cnn"], "MaxPool2D 2x2 over a 1x1 image"),
        (["{csv}", "--model", "cnn"], "rows of 2 numbers"),
        (["--resume", "{tiny}", "--model", "cnn"], "leave out --model"),
    ],
)
def test_one_line(call: Any, tmp_path: Path, args: list[str], message: str) -> None:
    np.savez(tmp_path / "tiny.npz", x=np.zeros((20, 5, 5), np.uint8), y=np.arange(20) % 2)
    (tmp_path / "rows.csv").write_text("\n".join(f"{i},{i},{'ab'[i % 2]}" for i in range(20)))
    paths = {"tiny": str(tmp_path / "tiny.npz"), "csv": str(tmp_path / "rows.csv")}
    done = call("train", *(arg.format(**paths) for arg in args))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert message in done.stderr


def test_bench_conv(call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)
    table, chart = tmp_path / "conv.json", tmp_path / "conv.png"
    done = call("bench", "conv", "--shapes", "2x3x8x8-k4-3x3-p1", "--against", "naive,numpy",
                "--repeats", 1, "--backward", "--json", table, "--plot", chart)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "2x3x8x8-k4-3x3-s1-p1, backward" in done.stdout
    assert "geometric mean" in done.stdout
    (race,) = json.loads(table.read_text())["races"]
    assert [row["name"] for row in race["rows"]] == [
        "nnaccel",
        "nnaccel_channels_last",
        "naive",
        "numpy",
    ]
    with Image.open(chart) as image:
        assert image.format == "PNG"


@pytest.mark.parametrize(
    ("kind", "options", "network"),
    [
        ("mlp", ["--hidden", "4"], "64-4-10"),
        ("cnn", ["--images", 20], "cnn 32c3-64c3-p2-128-10"),
    ],
)
def test_bench_trainings(
    call: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    options: Any,
    network: str,
) -> None:
    from nnaccel.bench.images import synthetic

    hurry(monkeypatch)
    images = synthetic(rows=20, features=64)
    monkeypatch.setattr(f"nnaccel.bench.{kind}.mnist_or_synthetic", lambda: images)
    table, chart = tmp_path / "race.json", tmp_path / "race.png"
    done = call("bench", kind, *options, "--against", "numpy", "--batch-size", 10, "--repeats", 2,
                "--json", table, "--plot", chart)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"drawn in {chart}\n")
    facts = json.loads(table.read_text())
    assert (facts["network"], facts["images"], facts["batch_size"]) == (network, 20, 10)
    with Image.open(chart) as image:
        assert (image.format, image.width) == ("PNG", 1200)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--shapes", "resnet65"], "Did you mean 'resnet56'"),
        (["--shapes", "2x3x8-k4-3x3"], "write it like 64x32x28x28-k64-3x3"),
        (["--shapes", ","], "at least one name"),
        (["--against", "touch"], "Did you mean 'torch'"),
        (["--plot", "p.jpg"], "must end in .png"),
        (["--repeats", "0"], "--repeats"),
    ],
)
def test_bad_races(call: Any, args: list[str], message: str) -> None:
    done = call("bench", "conv", *args)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert message in done.stderr


def test_a_schedule_brings_the_learning_rate_to_nothing(call: Any, bars: Path) -> None:
    path = bars.with_name("kept.safetensors")
    done = call(
        "train", bars, "--model", "cnn", "--epochs", 2, "--batch-size", 10,
        "--schedule", "cosine", "--lr", "0.01", "--save", path,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    model = load(path)
    first, last = model.optimizer.rates(0, 13)[[0, -1]]
    assert first == pytest.approx(0.01)
    assert last == pytest.approx(0)
