"""Bad input: status 2 and one line that says what to do; never a traceback unless asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nnaccel as nn
from nnaccel.backends import _info

from ..processes import python


def nothing(folder: Path) -> str:
    return str(folder / "none")


def text_file(folder: Path) -> str:
    (folder / "note.safetensors").write_text("not a model")
    return str(folder / "note.safetensors")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["trian"], "train"),
        (["train", "mnits"], "Did you mean 'mnist'?"),
        (["train", "mnist"], "MNIST was not found"),
        (["train", "{none}.csv"], "no such file"),
        (["train", "digits", "--hiden", "3"], "--hidden"),
        (["train", "digits", "--hidden", "0"], "not like 100 or 512,128"),
        (["train", "digits", "--hidden", "10,x"], "not like 100 or 512,128"),
        (["train", "digits", "--activation", "rel"], "Did you mean 'relu'?"),
        (["train", "digits", "--optimizer", "adm"], "Did you mean 'adam'?"),
        (["train", "digits", "--loss", "crossentropy"], "unknown loss"),
        (["train", "digits", "--dropout", "1.5"], "--dropout"),
        (["train", "digits", "--epochs", "0"], "--epochs"),
        (["train", "digits", "--batch-size", "-1"], "--batch-size"),
        (["train", "digits", "--lr", "nan"], "not a finite number"),
        (["train", "digits", "--lr", "inf"], "not a finite number"),
        (["train", "digits", "--l2", "-1"], "--l2"),
        (["train", "digits", "--dtype", "float16"], "float16"),
        (["train", "digits", "--backend", "nump"], "Did you mean 'numpy'?"),
        (["train", "digits", "--save", "{none}/m.safetensors"], "no folder"),
        (["train", "digits", "--plot", "{none}/p.png"], "no folder"),
        (["train", "digits", "--plot", "p.jpg"], "must end in .png"),
        (["train", "digits", "--lr", "1e30", "--optimizer", "sgd"], "Lower the learning rate"),
        (["train", "--resume", "{none}"], "no model file"),
        (["train", "--resume", "{text}"], "not a whole model file"),
        (["evaluate", "{none}", "digits"], "no model file"),
        (["evaluate", "{text}", "digits"], "not a whole model file"),
        (["evaluate", "{model}", "iris"], "shape"),
        (["evaluate", "{model}"], "DATA"),
        (["evaluate", "{model}", "digits", "--plot", "p.jpg"], "must end in .png"),
        (["evaluate", "{model}", "digits", "--plot", "{none}/p.png"], "no folder"),
        (["predict", "{model}", "{none}"], "no such file"),
        (["predict", "{model}", "{model}"], "not a PNG or JPEG"),
        (["predict", "{model}"], "IMAGE"),
        (["bench", "mlp", "--against", "nunpy"], "numpy"),
        (["bench", "mlp", "--repeats", "0"], "--repeats"),
        (["bench", "mlp", "--plot", "p.jpg"], "must end in .png"),
        (["bench", "cnn", "--against", "touch"], "Did you mean 'torch'?"),
        (["bench", "cnn", "--model", "mlp"], "--model"),
        (["bench", "cnn", "--plot", "{none}/p.png"], "no folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_one_line(call: Any, model: Path, tmp_path: Path, args: list[str], message: str) -> None:
    paths = {"none": nothing(tmp_path), "text": text_file(tmp_path), "model": str(model)}
    done = call(*(arg.format(**paths) for arg in args))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("nnaccel: ")
    assert message in done.stderr


def test_a_backend_that_cannot_run(run: Any) -> None:
    done = run("train", "digits", "--backend", "cupy", CUDA_VISIBLE_DEVICES="")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "'cupy' cannot run here" in done.stderr


def test_a_process_fails_with_one_line_too(run: Any) -> None:
    done = run("train", "mnits")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_a_fault_of_ours_is_named_as_such(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_info, "collect", dict)  # lacks what is printed
    done = call("info")
    assert done.returncode == 1
    assert (
        done.stderr == "nnaccel: KeyError: 'backends' (a fault of nnaccel; --debug shows where)\n"
    )


def test_debug_shows_where(run: Any) -> None:
    done = run("train", "mnits", "--debug")
    assert done.returncode != 0
    assert "Traceback" in done.stderr
    assert "DataError" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["info"],
        ["train"],
        ["evaluate"],
        ["predict"],
        ["filters"],
        ["bench"],
        ["bench", "mlp"],
        ["bench", "cnn"],
        ["bench", "conv"],
    ],
)
def test_help(call: Any, command: list[str]) -> None:
    done = call(*command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: nnaccel" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    if "--backend" in done.stdout:
        assert "installed, such as torch" in " ".join(done.stdout.split())


def test_without_a_command_it_shows_help(call: Any) -> None:
    assert call().stdout == call("--help").stdout


def test_help_imports_nothing_heavy(environment: dict[str, str]) -> None:
    heavy = {"numba", "scipy", "sklearn", "matplotlib", "rich", "pooch", "PIL", "safetensors"}
    code = (
        "import sys\nfrom nnaccel.cli import main\ntry:\n    main(['--help'])\n"
        f"except SystemExit:\n    print(*sys.modules.keys() & {heavy}, file=sys.stderr)"
    )
    done = python("-c", code, env=environment)
    assert (done.returncode, done.stderr.split()) == (0, [])


def test_a_model_that_gives_images(call: Any, tmp_path: Path, pictures: list[Path]) -> None:
    path = tmp_path / "maps.safetensors"
    maps = nn.Sequential([nn.Conv2D(3, 1, "softmax")], seed=0)
    maps.compile()
    maps.build((8, 8))
    maps.save(path)
    for args in (["predict", path, pictures[0]], ["evaluate", path, "digits"]):
        done = call(*args)
        assert done.returncode == 2
        assert "maps.safetensors gives images: train, evaluate and predict with it" in done.stderr
