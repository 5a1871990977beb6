"""The sdist, the wheel built from it, and a bare checkout each give a working nnaccel."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from .processes import ROOT, python

TRAIN = """
import numpy as np
import nnaccel as nn

rng = np.random.default_rng(0)
x = rng.random((16, 5), dtype=np.float32)
y = np.eye(2, dtype=np.float32)[rng.integers(2, size=16)]
model = nn.Sequential([nn.Dense(4, "relu"), nn.Dense(2, "softmax")])
model.compile(loss="categorical_crossentropy", optimizer="sgd")
history = model.fit(x, y, epochs=1, batch_size=8, verbose=0)
assert np.isfinite(history.history["loss"]).all()
print(nn.__file__)
"""


def run(*args: object, **options: Any) -> str:
    """Standard output of Python with arguments, which must succeed."""
    done = python(*args, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def train_with(path: str, cwd: Path) -> Path:
    """Train two steps with `PYTHONPATH=path`, and say where nnaccel was imported from."""
    # On NumPy nothing is compiled: this takes a second.
    return Path(run("-c", TRAIN, cwd=cwd, PYTHONPATH=path, NNACCEL_BACKEND="numpy").strip())


def sources() -> set[str]:
    """Every file of both packages, as the wheel should name it."""
    return {
        path.relative_to(source_root).as_posix()
        for source_root, package in ((ROOT, "nnaccel"), (ROOT / "kernels", "nnaccel_kernels"))
        for path in (source_root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist, and the wheel from the sdist, with what is installed: no network."""
    folder = tmp_path_factory.mktemp("dist")
    run("-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


def test_sdist_holds_what_a_developer_needs(dist: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    files = ["pyproject.toml", "LICENSE", "README.md", "CONTRIBUTING.md", "Makefile", "tasks.py"]
    files += ["CHANGELOG.md", "CITATION.cff", "SECURITY.md", "docs/conf.py"]
    assert {*files, "tests/conftest.py", "kernels/nnaccel_kernels/__init__.py"} <= names


def test_wheel_holds_both_packages_and_nothing_else(dist: Path) -> None:
    with ZipFile(next(dist.glob("*.whl"))) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == sources()


def test_wheel_installs_and_trains(dist: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    wheel = next(dist.glob("*.whl"))
    run("-m", "pip", "install", "-q", "--no-deps", "--target", site, wheel)
    assert train_with(str(site), cwd=tmp_path).is_relative_to(site)


def test_a_checkout_trains_without_installing() -> None:
    assert train_with(os.pathsep.join([".", "kernels"]), cwd=ROOT).is_relative_to(ROOT)
