"""`nnaccel train` as a subprocess: what it prints, what it leaves, how it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nnaccel.model.loading import load

from ..processes import HANGS


def accuracy(text: str) -> float:
    """Read the test accuracy that was printed."""
    line = next(line for line in text.splitlines() if line.startswith("test accuracy"))
    return float(line.split()[2].rstrip("%")) / 100


def test_prints_epochs_accuracy_time_and_confusion(run: Any) -> None:
    done = run("train", "digits", "--epochs", 2)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "1,438 rows of 8 × 8" in done.stdout
    for epoch in ("epoch 1/2", "epoch 2/2"):
        line = next(line for line in lines if line.startswith(epoch))
        for shown in ("loss", "accuracy", "val_accuracy", "images/s"):
            assert shown in line
    assert "\x1b" not in done.stdout
    assert accuracy(done.stdout) > 0.7
    matrix = lines[lines.index("true    predicted") + 2 :][:10]
    assert [row.split()[0] for row in matrix] == [str(digit) for digit in range(10)]
    assert any(line.startswith("trained in ") for line in lines)


@pytest.mark.parametrize("loss", ["hinge", "focal", "kl_divergence", "log_cosh"])
def test_the_network_ends_as_the_loss_asks(call: Any, loss: str) -> None:
    done = call("train", "digits", "--epochs", 6, "--quiet", "--loss", loss)
    assert (done.returncode, done.stderr) == (0, "")
    assert accuracy(done.stdout) > 0.8


def test_without_data_and_without_mnist_it_takes_the_digits_and_says_why(run: Any) -> None:
    done = run("train", "--epochs", 1, "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.splitlines()[0]
    assert "digits" in said
    assert "MNIST is not here and cannot be fetched" in said


def test_without_data_it_takes_mnist_where_that_is(run: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (40, 28, 28), np.uint8), np.arange(40) % 10
    np.savez(tmp_path / "mnist.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    done = run("train", "--epochs", 1, NNACCEL_DATA=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "data: MNIST" in done.stdout
    assert "40 rows of 28 × 28" in done.stdout


def test_the_defaults_learn_the_digits(run: Any) -> None:
    assert accuracy(run("train", "digits", "--quiet").stdout) > 0.95


@pytest.mark.parametrize(
    "options",
    [
        ["--hidden", "16,8", "--hidden", "8", "--activation", "tanh", "--dropout", "0.1"],
        ["--hidden", "none", "--optimizer", "sgd", "--lr", "0.5", "--l1", "1e-5", "--l2", "1e-4"],
        ["--loss", "binary_crossentropy", "--activation", "sigmoid", "--dtype", "float64"],
        ["--loss", "mse", "--optimizer", "RMSprop", "--backend", "numpy", "--seed", "3"],
    ],
)
def test_options(run: Any, options: list[str]) -> None:
    done = run("train", "digits", "--epochs", 2, *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert accuracy(done.stdout) > 0.15


def test_options_reach_the_model(call: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    options = ["--hidden", "16,8", "--dropout", "0.1", "--l2", "0.01", "--seed", "7"]
    done = call("train", "iris", "--epochs", 1, "--loss", "binary_crossentropy", "--save", path,
               "--optimizer", "sgd", "--lr", "0.25", *options)  # fmt: skip
    assert done.returncode == 0, done.stderr
    model = load(path)
    shapes = [type(layer).__name__ for layer in model.layers]
    assert shapes == ["Dense", "Dropout", "Dense", "Dropout", "Dense"]
    assert [model.layers[i].units for i in (0, 2, 4)] == [16, 8, 3]
    assert model.layers[4].activation == "sigmoid"
    assert model.layers[0].penalty.l2 == 0.01
    assert model.optimizer.learning_rate == 0.25
    assert model.seed == 7


def test_csv_with_names_for_classes(call: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{'warm' if a > b else 'cold'}" for a, b in rng.random((80, 2))]
    (tmp_path / "weather.csv").write_text("\n".join(["a,b,class", *rows]))
    done = call("train", tmp_path / "weather.csv", "--epochs", 5)
    assert done.returncode == 0, done.stderr
    assert "warm" in done.stdout


def test_npz_of_values_to_predict(call: Any, tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((60, 3), np.float32)
    np.savez(tmp_path / "line.npz", x=x, y=x.sum(1))
    done = call("train", tmp_path / "line.npz", "--epochs", 5)
    assert (done.returncode, done.stderr) == (0, "")
    assert "test loss" in done.stdout
    assert "accuracy" not in done.stdout
    assert call("train", tmp_path / "line.npz", "--loss", "binary_crossentropy").returncode == 2


def test_plot_is_a_png(call: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.png"
    done = call("train", "digits", "--epochs", 1, "--plot", path)
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(path) as image:
        assert image.format == "PNG"


def test_resumed_training_ends_where_the_whole_one_does(call: Any, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    options = ["--batch-size", 32, "--dropout", "0.2", "--hidden", "16"]
    assert call("train", "digits", *options, "--epochs", 3, "--save", whole).returncode == 0
    assert call("train", "digits", *options, "--epochs", 1, "--save", parts).returncode == 0
    assert "had 1 epoch already" in call("train", "--resume", parts, "--epochs", 1).stderr
    done = call("train", "--resume", parts, "--epochs", 3)  # data and batch size as noted
    assert done.returncode == 0, done.stderr
    assert "epoch 1/" not in done.stdout
    for a, b in zip(load(whole).get_weights(), load(parts).get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "had 3 epochs already: give --epochs 4"),
        (["--epochs", 3], "had 3 epochs already"),
        (["--hidden", "5", "--lr", "0.1", "--epochs", "9"], "leave out --hidden, --lr"),
        (["iris", "--epochs", "9"], "shape"),
    ],
)
def test_what_cannot_be_resumed(call: Any, model: Path, options: Any, message: str) -> None:
    done = call("train", "--resume", model, *options)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert message in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("keep", [True, False])
def test_interrupt_says_what_was_kept(
    environment: dict[str, str], tmp_path: Path, keep: bool
) -> None:
    path = tmp_path / "kept.safetensors"
    options = ["--save", str(path)] if keep else []
    command = [sys.executable, "-m", "nnaccel", "train", "digits", "--epochs", "100000", *options]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch 3/"):
                break
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=HANGS)
    assert process.returncode == 130
    assert len(said.strip().splitlines()) == 1
    assert ("--resume" in said and str(path) in said) if keep else "nothing was kept" in said
    assert path.exists() == keep
    if keep:
        assert load(path).epochs >= 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_gets_a_bar(environment: dict[str, str]) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "nnaccel", "train", "digits", "--epochs", "20"]
    with subprocess.Popen(command, env={**environment, "TERM": "xterm"}, stdout=theirs) as process:
        os.close(theirs)
        seen = b""
        deadline = time.monotonic() + HANGS
        while time.monotonic() < deadline:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # Linux: the other end is closed
                break
            if not chunk:
                break
            seen += chunk
    os.close(ours)
    assert process.returncode == 0
    assert b"\x1b[" in seen
    assert b"test accuracy" in seen


def test_quiet_prints_no_progress(run: Any) -> None:
    words = "train", "digits", "--epochs", "1", "--hidden", "8"
    loud, quiet = run(*words), run(*words, "--quiet")
    assert (loud.returncode, quiet.returncode) == (0, 0)
    assert "epoch 1/1" in loud.stdout + loud.stderr
    assert "epoch 1/1" not in quiet.stdout + quiet.stderr


def test_evaluate_takes_the_test_rows_unless_told_otherwise(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    assert run("train", "digits", "--epochs", "1", "--quiet", "--save", path).returncode == 0
    default, test, train = (
        run("evaluate", path, "digits", *rows).stdout
        for rows in ((), ("--rows", "test"), ("--rows", "train"))
    )
    assert default == test != train
