"""The benchmark of scaling, on ranks that mpiexec starts."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from nnaccel.bench.machine import measure_machine
from nnaccel.bench.scale import ScaleReport, ScaleRow
from nnaccel.cli.bench import bench_command

from ..processes import ON_PATH


def row(ranks: int, seconds: float) -> ScaleRow:
    return ScaleRow(ranks, 2 // ranks, 1000, 10, 50, (seconds,) * 3, seconds / 100, 0.5)


def test_the_report_compares_with_one_rank() -> None:
    rows = row(1, 2.0), row(2, 4.0)
    report = ScaleReport("mlp", 100, False, measure_machine(), rows, rows)
    one, two = [line.split() for line in str(report).splitlines() if line.startswith("        ")][
        :2
    ]
    assert one == ["1", "2", "2.000", "500", "1.00", "0.0%"]
    assert two == ["2", "1", "4.000", "250", "0.50", "10.0%"]
    assert json.loads(report.to_json())["strong"][1]["ranks"] == 2


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
    one, two = json.loads(path.read_text("utf-8"))["strong"]
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-3)
    assert plot.exists()
