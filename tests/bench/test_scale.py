"""The benchmark of scaling, on ranks that mpiexec starts."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from nnaccel.bench import scale_rank, timing
from nnaccel.bench.machine import Machine
from nnaccel.bench.peers import PEERS, RANK_PEERS, Peer
from nnaccel.bench.peers.nnaccel_mlp import NnaccelUint8MLP
from nnaccel.bench.problem import DisagreementError, Problem
from nnaccel.bench.scale_report import ScaleReport, ScaleRow, ScaleTiming
from nnaccel.cli.bench import bench_command
from nnaccel.training.communicator import Alone

from ..processes import ON_PATH


def row(ranks: int, seconds: float) -> ScaleRow:
    epochs = {
        "nnaccel": ScaleTiming(9.0, (seconds,) * 3, 0.5),
        "torch": ScaleTiming(9.0, (3.0,) * 3, 0.5),
    }
    return ScaleRow(ranks, 2 // ranks, 1000, 10, 50, seconds / 100, epochs)


def test_the_report_compares_with_one_rank_and_with_others(machine: Machine) -> None:
    rows = row(1, 2.0), row(2, 4.0)
    report = ScaleReport("mlp", 100, False, machine, rows, rows, {"x": "pip install x"})
    lines = [line.split() for line in str(report).splitlines() if line.startswith(" " * 8)]
    assert lines[:4] == [
        ["1", "2", "nnaccel", "2.000", "500", "1.00", "0.0%", "1.00x"],
        ["1", "2", "torch", "3.000", "333", "1.00", "1.50x"],
        ["2", "1", "nnaccel", "4.000", "250", "0.50", "10.0%", "1.00x"],
        ["2", "1", "torch", "3.000", "333", "1.00", "0.75x"],
    ]
    assert "x: not installed: pip install x" in str(report)
    assert "a share of one rank's with all processors" in str(report)
    assert "a share of those of 2 ranks" in str(replace(report, strong=rows[1:], weak=rows[1:]))
    kept = json.loads(report.to_json())["strong"][1]
    assert (kept["ranks"], kept["communication"]) == (2, pytest.approx(0.1))


@pytest.fixture
def _a_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of PyTorch, nnaccel itself on other rows."""
    monkeypatch.setitem(RANK_PEERS, "torch", Peer("nnaccel_mlp:NnaccelUint8MLP", "numpy", "", ""))


@pytest.mark.usefixtures("_a_stand_in")
def test_a_rank_measures_all_libraries() -> None:
    found = ScaleRow.from_dict(scale_rank.measure("mlp", 40, 16, ["torch"], 2, False))
    assert (found.ranks, found.rows, found.steps, found.parameters) == (1, 40, 3, 407_050)
    assert [len(timing.seconds) for timing in found.epochs.values()] == [2, 2]
    ours, theirs = found.epochs["nnaccel"], found.epochs["torch"]
    assert theirs.loss == pytest.approx(ours.loss, rel=1e-3)


@pytest.mark.usefixtures("_a_stand_in")
def test_nothing_is_timed_where_libraries_disagree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NnaccelUint8MLP, "epoch", lambda self, order: 1.5)
    with pytest.raises(DisagreementError, match="mean loss of torch is not"):
        scale_rank.measure("mlp", 40, 16, ["torch"], 1, False)


def test_pytorch_alone_learns_what_numpy_does(problem: Problem) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
    torch = RANK_PEERS["torch"].make(problem, distributed=Alone())
    numpy = PEERS["numpy"].make(problem)
    for order in (None, np.random.default_rng(1).permutation(len(problem.images))):
        assert torch.epoch(order) == pytest.approx(numpy.epoch(order), rel=1e-3)


def test_processor_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "is_cpu_time", lambda: True)
    done = CliRunner().invoke(bench_command, ["scale"])
    assert done.exit_code == 2
    assert "leave out --cpu-time" in done.output


def test_ranks_are_whole_numbers() -> None:
    done = CliRunner().invoke(bench_command, ["scale", "--ranks", "1,x"])
    assert done.exit_code == 2
    assert "such as 1,2,4" in done.output


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mpi4py") is None, reason="needs mpi4py and mpiexec")
def test_two_ranks_learn_what_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ON_PATH.items():
        monkeypatch.setenv(name, value)
    path, plot = tmp_path / "scale.json", tmp_path / "scale.png"
    small = ["--images", "512", "--batch-size", "64", "--repeats", "1"]
    done = CliRunner().invoke(
        bench_command, ["scale", *small, "--json", str(path), "--plot", str(plot)]
    )
    assert done.exit_code == 0, done.output
    found = json.loads(path.read_text("utf-8"))
    one, two = (row["epochs"] for row in found["strong"])
    assert {*one, *found["missing"]} == {"nnaccel", "torch"}
    for name in one:
        assert two[name]["loss"] == pytest.approx(one[name]["loss"], rel=1e-3)
    assert plot.exists()
