from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nnaccel.bench import mlp, race
from nnaccel.bench.epoch_chart import epoch_chart
from nnaccel.bench.images import Images, synthetic
from nnaccel.bench.machine import Machine
from nnaccel.bench.peers import PEERS, Contestant, Peer
from nnaccel.bench.peers.numpy_mlp import NumpyMLP
from nnaccel.bench.problem import DisagreementError, IntArray, Problem
from nnaccel.bench.report import EpochReport


@pytest.fixture(scope="module")
def images() -> Images:
    return synthetic(rows=90, features=30)


@pytest.fixture(scope="module")
def report(images: Images, machine: Machine) -> EpochReport:
    absent = Peer("none:None", "no_such_library_0", "pip install none", "none")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PEERS, "absent", absent)
        patch.setattr(race, "measure_machine", lambda: machine)
        return mlp.run_mlp((8,), 20, ["absent", "numpy"], repeats=3, data=images)


def test_a_missing_peer_is_listed(report: EpochReport) -> None:
    assert [row.name for row in report.rows] == ["nnaccel", "nnaccel_uint8", "numpy"]
    assert report.missing == {"absent": "pip install none"}
    assert "absent: not installed: pip install none" in str(report)


def test_the_report_survives_json(report: EpochReport) -> None:
    assert EpochReport.from_json(report.to_json()) == report


def test_the_report_adds_up(report: EpochReport) -> None:
    row = report.rows[-1]
    assert (report.network, report.batch_size, report.images) == ("30-8-10", 20, 90)
    assert len(row.seconds) == 3
    assert report.images_per_s(row) * row.median == pytest.approx(90)
    assert report.peak_fraction(row) * 17.0 == pytest.approx(report.gflops(row))
    assert report.rows[0].ratio == 1.0
    assert all(math.isfinite(row.loss) and row.first > 0 for row in report.rows)


def test_the_table_has_a_line_for_everybody(report: EpochReport) -> None:
    lines = str(report).splitlines()
    assert "synthetic" in lines[0]
    for row in report.rows:
        assert sum(line.startswith(f"{row.about}  ") for line in lines) == 1


def test_the_chart_has_a_bar_and_a_ratio_for_everybody(report: EpochReport) -> None:
    (ax,) = epoch_chart(report).axes
    assert [bar.get_width() for bar in ax.patches] == [row.median for row in report.rows]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [row.about for row in report.rows]
    for text, dots, row in zip(ax.texts, ax.lines, report.rows, strict=True):
        assert text.get_text().endswith(f"{row.ratio:.2f}x")
        assert tuple(dots.get_xdata()) == row.seconds


def test_the_chart_says_what_ran_where(report: EpochReport) -> None:
    figure = epoch_chart(report)
    network, machine = figure.get_suptitle().splitlines()
    assert network == "30-8-10, batch 20: an epoch of 90 images (synthetic images of MNIST's shape)"
    assert machine == "a CPU, 2 cores, float32; nnaccel on numba"
    figure.draw_without_rendering()
    (ax,) = figure.axes
    assert all(text.get_window_extent().x1 < ax.get_window_extent().x1 for text in ax.texts)


def test_a_contestant_that_computes_something_else_is_found(images: Images) -> None:
    class Lazy(NumpyMLP):
        def epoch(self, order: IntArray | None) -> float:
            return super().epoch(order) * 1.01

    class LazyPeer(Peer):
        def make(self, problem: Problem, **options: object) -> Contestant:
            return Lazy(problem)

    problem = Problem(images.x, images.y, (8,), 20)
    lazy = LazyPeer("", "numpy", "", "lazy")
    with pytest.raises(DisagreementError, match="loss of lazy is not that of vectorised NumPy"):
        race.check_agreement(problem, {"lazy": lazy, "numpy": PEERS["numpy"]}, PEERS["numpy"])


def test_no_repeats_is_an_error(images: Images) -> None:
    with pytest.raises(ValueError, match="repeats is 0"):
        mlp.run_mlp(repeats=0, data=images)


def test_synthetic_images_are_sparse_and_reproducible(images: Images) -> None:
    again = synthetic(rows=90, features=30)
    assert (images.x == again.x).all()
    assert (images.y == again.y).all()
    assert 0.1 < (images.x > 0).mean() < 0.3
    assert replace(Problem(images.x, images.y), hidden=(3, 4)).sizes == (30, 3, 4, 10)
