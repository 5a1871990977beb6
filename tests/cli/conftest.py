"""The command line as a user has it: a process of its own, with no terminal."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnaccel.backends import use_backend
from nnaccel.cli import main
from nnaccel.data import digits

from ..processes import ON_PATH, Done, python

Run = Callable[..., Done]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A checkout without MNIST or a way to fetch it, on NumPy, where nothing is compiled."""
    return {
        **os.environ,
        **ON_PATH,
        "PYTHONWARNINGS": "error",
        "NNACCEL_BACKEND": "numpy",
        "NNACCEL_DATA": "/nonexistent",
        "NNACCEL_CACHE": str(tmp_path_factory.mktemp("cache")),
        "https_proxy": "http://127.0.0.1:9",  # refuses at once
    }


@pytest.fixture(scope="session")
def run(environment: dict[str, str]) -> Run:
    """Run `nnaccel …` and return what it said; more environment by keyword."""

    def nnaccel(*args: object, **extra: str) -> Done:
        return python("-m", "nnaccel", *args, env=environment, **extra)

    return nnaccel


@pytest.fixture(scope="session")
def model(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep a model of the digits after three epochs."""
    path = tmp_path_factory.mktemp("model") / "digits.safetensors"
    done = run("train", "digits", "--epochs", 3, "--hidden", "32", "--save", path)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Four test digits as large pictures, dark on light."""
    _, (x, _) = digits()
    paths = [tmp_path / f"{i}.png" for i in range(4)]
    for image, path in zip(x, paths, strict=False):
        page = 255 - np.pad(image, 3)
        Image.fromarray(page).resize((280, 280), Image.Resampling.BICUBIC).save(path)
    return paths


@pytest.fixture
def call(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run `nnaccel …` in this process, which is faster, and return what it said."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def nnaccel(*args: object) -> Done:
        with use_backend("numpy"), pytest.raises(SystemExit) as left:
            main([str(arg) for arg in args])
        assert isinstance(left.value.code, int)
        return Done(args, left.value.code, *capsys.readouterr())

    return nnaccel
