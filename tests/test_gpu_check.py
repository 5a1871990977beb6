"""`make gpu-check`, as far as it can be checked without a GPU."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.bench.cnn_problem import CnnProblem
from nnaccel.bench.conv_problem import ConvProblem
from nnaccel.bench.images import synthetic
from nnaccel.bench.problem import DisagreementError, Problem
from nnaccel.bench.shapes import parse

from .fake_cupy import fake_cupy  # noqa: F401

ROOT = Path(__file__).parents[1]
Load = Callable[[str], ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Import modules that lie beside the command, as it does."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    yield importlib.import_module
    for name in [name for name in sys.modules if name.split("_")[0] == "gpu"]:
        del sys.modules[name]


def python(*args: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run Python at the root, without a GPU even where there is one."""
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "kernels")))
    env = {**os.environ, "PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": "", **env}
    command = [sys.executable, *map(str, args)]
    return subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=120
    )


def test_without_a_gpu_it_says_what_is_missing_and_exits_with_3(tmp_path: Path) -> None:
    done = python("benchmarks/gpu.py", NNACCEL_RESULTS=str(tmp_path / "results"))
    gpu = nn.backends()["cupy"]
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith("no GPU to check on: cupy: ")
    assert "To mend it: " in done.stderr
    if not gpu.available:
        assert f"{gpu.reason}. To mend it: {gpu.remedy}" in done.stderr
    assert not (tmp_path / "results").exists()


SKIPPED = """
import pytest

@pytest.mark.gpu
def test_on_a_gpu(): pytest.skip("no GPU here")

@pytest.fixture
def device(): pytest.skip("no device")

@pytest.mark.gpu
def test_on_a_device(device): pass

@pytest.mark.gpu
def test_that_passes(): pass

def test_elsewhere(): pytest.skip("of no interest")
"""


def test_a_skip_of_a_gpu_test_is_a_failure_where_one_is_required(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "test_skips.py"
    file.write_text(SKIPPED, "utf-8")
    options = ("-c", ROOT / "pyproject.toml", "-p", "tests.conftest", "-p", "no:cacheprovider")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (ROOT, ROOT / "kernels"))))
    tests = load("gpu_tests").run_tests(tmp_path, 60, [file], [*map(str, options)])
    text = (tmp_path / "gpu-tests.txt").read_text("utf-8")
    assert (tests.passed, tests.failed + tests.errors, tests.skipped) == (1, 2, 0), text
    assert not tests.ok
    assert "allows no skip of a gpu test: no GPU here" in text.replace("Skipped: ", "")


def test_tests_that_take_too_long_are_stopped_and_counted(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, begun = tmp_path / "test_slow.py", tmp_path / "begun"
    file.write_text(
        "import pathlib, time, pytest\npytestmark = pytest.mark.gpu\n"
        "def test_quick(): pass\n"
        f"def test_slow(): pathlib.Path({str(begun)!r}).touch(); time.sleep(60)\n",
        "utf-8",
    )
    gpu_tests = load("gpu_tests")
    ends = gpu_tests._ends

    def ends_or_begins(process: Any, seconds: float) -> bool:
        """Wait for the slow test to begin, rather than for a time, which depends on the machine."""
        while seconds == 30 and not begun.exists() and process.poll() is None:
            time.sleep(0.05)
        return seconds != 30 and ends(process, seconds)

    monkeypatch.setattr(gpu_tests, "_ends", ends_or_begins)
    monkeypatch.setattr(gpu_tests, "_GRACE", 60)
    options = ("-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider")
    tests = gpu_tests.run_tests(tmp_path, 30, [file], options)
    text = (tmp_path / "gpu-tests.txt").read_text("utf-8")
    assert (tests.passed, tests.failed, tests.timed_out) == (1, 0, True), text


def test_a_benchmark_that_fails_does_not_stop_the_others(
    load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    report = load("gpu_report")

    def fail() -> list[Any]:
        raise ValueError("out of luck")

    row = report.Row("a product", "ms", {"nnaccel": 1.0})
    kept: list[int] = []
    found = report.run_all(
        {"bad": fail, "good": lambda: [row]},
        lambda: "",
        lambda outcomes: kept.append(len(outcomes)),
    )
    assert [(o.name, o.status, o.error) for o in found] == [
        ("bad", "failed", "ValueError: out of luck"),
        ("good", "measured", ""),
    ]
    assert kept == [1, 2, 2]
    assert "bad: failed: ValueError: out of luck" in capsys.readouterr().out


def test_what_is_left_when_the_time_is_up_is_said(
    load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    report = load("gpu_report")
    obstacles = iter(["", "the time is up", "the time is up"])
    row = report.Row("first", "ms", {"nnaccel": 1.0})
    names = ("first", "second", "third")
    found = report.run_all(
        dict.fromkeys(names, lambda: [row]), lambda: next(obstacles), lambda outcomes: None
    )
    unrun = "not yet run on a GPU"
    assert [outcome.status for outcome in found] == ["measured", unrun, unrun]
    assert "second: left out, the time is up" in capsys.readouterr().out
    assert f"second  {unrun}" in report.table(found)


def test_the_table_shows_units_and_how_many_times_as_fast(load: Load) -> None:
    report = load("gpu_report")
    rows = (
        report.Row("mlp", "ms", {"nnaccel": 20, "PyTorch eager": 1500, "PyTorch graph": 30}),
        report.Row("copy", "GB/s", {"nnaccel": 1900, "device copy": 2000, "PyTorch eager": 0}),
        report.Row("alone", "ms", {"nnaccel": 0.1234}),
    )
    lines = report.table([report.Outcome("all", "measured", rows)]).splitlines()
    assert [" ".join(line.split()) for line in lines[1:4]] == [
        "mlp 20.0 ms 1.50 s 30.0 ms 1.50",
        "copy 1,900 GB/s 0 GB/s - 0.95",
        "alone 0.123 ms - - -",
    ]


@pytest.mark.parametrize("name", ["copy", "im2col", "max_pool2d", "adam"])
def test_bytes_are_those_of_what_is_read_and_written(load: Load, name: str) -> None:
    kernels = load("gpu_kernels")
    shape = (2, 3, 8, 8)
    with nn.use_backend("numba"):
        case = getattr(kernels, name)(600 if name == "adam" else shape)
        written = case.run()
    np.testing.assert_allclose(written[: len(case.wanted)], case.wanted, 1e-4)
    read = 3 * written.nbytes + 3 * written.nbytes if name == "adam" else 2 * 3 * 8 * 8 * 4
    assert case.bytes == read + written.nbytes


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_16_bits_halve_the_bytes_of_activations_only(load: Load, dtype: str) -> None:
    cost = load("gpu_cost")
    whole, half = ({w.name: w for w in cost.works(kind)} for kind in ("float32", dtype))
    saved = {name: work.bytes / half[name].bytes for name, work in whole.items()}
    assert saved["copy"] == saved["im2col 3x3"] == saved["ReLU backward"] == 2
    assert saved["SGD"] == saved["Adam, 25 million"] == saved["loss"] == 1
    assert 1.9 < saved["256x64x56x56-k64-3x3-s1-p1 forward"] < 2
    more = {"weights, rounded", "last layer's input, widened", "its gradient, rounded"}
    scaling = {"loss scale", "scale taken back"} if dtype == "float16" else set()
    assert set(half) - set(whole) == more | scaling
    assert all(half[name].flop == work.flop for name, work in whole.items())


def test_convolutions_agree_in_every_direction(load: Load) -> None:
    conv = load("gpu_conv")
    problem = ConvProblem.draw(parse("2x4x9x9-k6-3x3-s2-p1-g2"))
    wanted = nn.ops.conv2d_backward(problem.dy, problem.x, problem.w, stride=2, padding=1, groups=2)
    y = nn.ops.conv2d(problem.x, problem.w, problem.b, stride=2, padding=1, groups=2)
    for direction, array in zip(conv.DIRECTIONS, (y, *wanted[:2]), strict=True):
        np.testing.assert_allclose(conv.ours(problem, direction)(), array, 1e-3, 1e-4)


def test_pytorch_computes_the_same_convolutions(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="PyTorch is an extra of the benchmarks")
    conv = load("gpu_conv")
    monkeypatch.setattr(load("gpu_torch"), "DEVICE", "cpu")
    problem = ConvProblem.draw(parse("2x4x9x9-k6-3x3-s2-p1-g2"))
    for direction in conv.DIRECTIONS:
        got, wanted = conv.cudnn(problem, direction)(), conv.ours(problem, direction)()
        np.testing.assert_allclose(got.numpy(), wanted, 1e-3, 1e-4)


@pytest.fixture
def stand_ins(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch on the CPU, if it is there, where a graph is but the step again; a host's clock."""

    def capture(step: Callable[[], object]) -> Callable[[int], None]:
        step()
        return lambda calls: [step() for _ in range(calls)][:0] and None

    peers, clock = load("gpu_torch"), load("gpu_timing").wall_clock
    monkeypatch.setattr(peers, "DEVICE", "cpu")
    monkeypatch.setattr(peers, "capture", capture)
    monkeypatch.setattr(peers, "is_available", lambda: find_spec("torch") is not None)
    monkeypatch.setattr(load("gpu_nnaccel"), "cupy_clock", clock)
    monkeypatch.setattr(load("gpu_torch_training"), "torch_clock", clock)


@pytest.mark.parametrize("precision", ["FLOAT32", "BFLOAT16", "FLOAT16"])
@pytest.mark.parametrize("is_cnn", [False, True])
@pytest.mark.usefixtures("stand_ins")
def test_pytorch_learns_the_same(load: Load, precision: str, is_cnn: bool) -> None:
    """Warming up must leave no trace."""
    pytest.importorskip("torch", reason="PyTorch is an extra of the benchmarks")
    training, rounded = load("gpu_training"), getattr(load("gpu_precision"), precision)
    images = synthetic(rows=11, features=64)
    problem: Any = (
        CnnProblem(images.x.reshape(-1, 8, 8), images.y, batch_size=4)
        if is_cnn
        else Problem(images.x, images.y, batch_size=4)
    )
    few = training.noise(problem)
    wanted = training.learnt(training.Ours(few, "numpy", "float64"))
    for kind in training.torch_peers(rounded).values():
        got = training.learnt(training.torch_peer(kind, few, rounded.half))
        error = load("gpu_timing").require_close("learnt", got, wanted, rounded.tolerance)
        assert (error > 1e-4) == bool(rounded.half)


@pytest.mark.parametrize(
    "name", ["cnn tf32", "mlp bfloat16", "cnn bfloat16", "mlp float16", "cnn float16"]
)
@pytest.mark.usefixtures("fake_cupy", "stand_ins")
def test_networks_are_raced_in_every_precision(load: Load, name: str) -> None:
    benchmark = load("gpu_training").benchmarks(synthetic(rows=140, features=64))[name]
    [row] = benchmark()
    network, kind = name.split()
    assert row.work.lower().startswith(network)
    assert row.work.lower().endswith(f"batch 128, {kind}: an epoch")
    with_torch = {"PyTorch eager", "PyTorch graph"} if find_spec("torch") else set()
    graph = {"PyTorch graph"} if kind == "float16" else set()
    assert set(row.values) == set(row.errors) == {"nnaccel"} | with_torch - graph
    # The fake has no TF32; of 16 bits something must be seen.
    assert all((error > 1e-4) == (kind != "tf32") for error in row.errors.values())


@pytest.mark.usefixtures("fake_cupy", "stand_ins")
def test_what_learns_something_else_is_not_timed(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = load("gpu_training")

    class Hasty(training.Ours):  # type: ignore[misc,name-defined]
        def __init__(self, problem: Any, backend: str, dtype: str) -> None:
            rate = problem.learning_rate * (2 if backend == "cupy" else 1)
            super().__init__(replace(problem, learning_rate=rate), backend, dtype)

    monkeypatch.setattr(training, "Ours", Hasty)
    benchmark = training.benchmarks(synthetic(rows=140, features=64))["mlp bfloat16"]
    with pytest.raises(DisagreementError, match=r"nnaccel learnt is off by .*; at most 0\.3 was"):
        benchmark()


def test_an_epoch_within_a_fit_is_timed(load: Load) -> None:
    images = synthetic(rows=30, features=20)
    ours = load("gpu_nnaccel").Ours(Problem(images.x, images.y, batch_size=8), "numpy")
    assert ours.epoch_ms() > 0
    assert ours.model.epochs == 2


def test_results_that_are_off_or_not_numbers_are_refused(load: Load) -> None:
    require_close = load("gpu_timing").require_close
    assert require_close("y", [1.0, 2.0], [1.0, 2.0]) == 0
    with pytest.raises(DisagreementError, match="y is off by nan"):
        require_close("y", [1.0, np.nan], [1.0, 2.0])
    with pytest.raises(DisagreementError, match=r"y is off by .*; at most 0\.001 was expected"):
        require_close("y", [1.0, 2.1], [1.0, 2.0])
    with pytest.raises(DisagreementError, match="shape"):
        require_close("y", [1.0], [1.0, 2.0])


def test_short_work_is_called_often_enough_to_be_timed(load: Load) -> None:
    timing = load("gpu_timing")
    asked: list[int] = []

    def run(calls: int) -> float:
        asked.append(calls)
        return 4.0

    assert timing.medians({"a": run}, turns=2) == {"a": 4.0}
    assert asked == [3, 1, 5, 5]
