"""`nnaccel warmup` compiles what is needed later, and `nnaccel info` says where that is."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import config

import nnaccel_kernels
from nnaccel import ops, use_backend
from nnaccel.backends import _info, _select, get_backend
from nnaccel.cli import _exercises, info, main
from nnaccel.cli._exercises import Exercise, exercises
from nnaccel.layers import Dense, Dropout
from nnaccel.model.architectures import convolutional
from nnaccel.model.sequential import Sequential
from nnaccel_kernels import disk_cache
from nnaccel_kernels.disk_cache import DiskCache

Said = subprocess.CompletedProcess[str]
needs_jit = pytest.mark.skipif(config.DISABLE_JIT, reason="nothing is compiled without the JIT")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DiskCache:
    get_backend("numba")  # which chooses a cache when it is made
    fresh = DiskCache(tmp_path / "kernels")
    monkeypatch.setattr(disk_cache, "_cache", fresh)
    return fresh


@pytest.fixture
def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """Run `nnaccel warmup …` in this process, with two exercises of which one is compiled."""
    todo = [
        Exercise("something known", lambda: None),
        Exercise("something new", lambda: nnaccel_kernels.say_compiled("new", 0.1)),
    ]
    monkeypatch.setattr(_exercises, "exercises", lambda dtype: todo)
    monkeypatch.setattr(_select, "_default", None)

    def run(*args: str) -> Said:
        with pytest.raises(SystemExit) as left:
            main(["warmup", *args])
        assert isinstance(left.value.code, int)
        return Said(args, left.value.code, *capsys.readouterr())

    return run


def test_it_says_what_was_compiled_and_where_it_is(call: Any, cache: DiskCache) -> None:
    cache.write("a", bytes(1_000_000))
    done = call("--backend", "numba")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("compiled 1 kernel for numba in 0.")
    assert done.stdout.endswith(f" s; they are kept in {cache.root} (1.0 MB)\n")
    assert nnaccel_kernels.on_compiled is None


def test_numpy_has_nothing_to_compile(call: Any, cache: DiskCache) -> None:
    done = call("--backend", "numpy")
    assert (done.returncode, done.stderr) == (0, "")
    assert "numpy has no kernels to compile" in done.stdout
    assert not cache.root.exists()


def test_a_folder_that_cannot_be_used_is_an_error(call: Any, cache: DiskCache) -> None:
    cache.root.parent.joinpath("kernels").write_text("in the way")
    done = call("--backend", "numba")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "nnaccel: compiled kernels cannot be kept: " in done.stderr


def test_a_disk_that_fills_up_is_an_error(
    call: Any, cache: DiskCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_up() -> None:
        monkeypatch.setattr(disk_cache, "_replace", full)
        cache.write("a", b"1")

    def full(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(_exercises, "exercises", lambda dtype: [Exercise("too much", fill_up)])
    done = call("--backend", "numba")
    assert done.returncode == 2
    assert "cannot be kept: no space left" in done.stderr


def test_every_public_op_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    called = set()

    def noting(name: str) -> Callable[..., Any]:
        op = getattr(ops, name)

        def run(*args: Any, **settings: Any) -> Any:
            called.add(name)
            return op(*args, **settings)

        return run

    for name in ops.__all__:
        monkeypatch.setattr(ops, name, noting(name))
    with use_backend("numba"):
        for exercise in _exercises._op_calls("float32"):
            exercise.run()
    assert called == set(ops.__all__)


@needs_jit
@pytest.mark.slow
def test_afterwards_training_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    y, rng = np.arange(30) % 3, np.random.default_rng(0)
    table, pixels = rng.random((30, 5)), rng.integers(0, 256, (30, 14, 14), np.uint8)
    with use_backend("numba"):
        for exercise in exercises("float32"):
            exercise.run()
        monkeypatch.setattr(nnaccel_kernels, "on_compiled", pytest.fail)
        for hidden, x in (
            ([Dense(7, "tanh"), Dropout(0.5)], table.astype(np.float32)),
            ([Dense(7, "relu", penalty="l2")], pixels),
            (convolutional("cnn", (14, 14), dropout=0.3), pixels),
            (convolutional("lenet", (14, 14)), pixels),
        ):
            model = Sequential([*hidden, Dense(3, "softmax")])
            model.compile(optimizer="adam", metrics=["accuracy"])
            model.fit(x, y, batch_size=8, epochs=2, validation_split=0.2, verbose=0)
            model.evaluate(x, y)
            model.predict(x)


def test_info_shows_the_folder_and_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NNACCEL_CACHE", str(tmp_path))
    folder = tmp_path / "kernels"
    empty = {"folder": str(folder), "bytes": 0, "problem": ""}
    assert _info.collect()["kernel_cache"] == empty
    assert not folder.exists()
    DiskCache(folder).write("a", bytes(2_500_000 - 32))
    facts = _info.collect()
    assert facts["kernel_cache"] == empty | {"bytes": 2_500_000}
    info._print_facts(facts)
    assert f"kernels    compiled, and kept in {folder} (2.5 MB)\n" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_info_says_why_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NNACCEL_CACHE", str(tmp_path))
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels").chmod(0o777)
    facts = _info.collect()
    info._print_facts(facts)
    assert facts["kernel_cache"]["problem"].startswith("others can write to")
    said = capsys.readouterr().out
    assert f"kernels    compiled, but not kept: others can write to {tmp_path / 'kernels'}" in said
