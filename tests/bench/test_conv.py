"""The race of convolutions: everybody is checked, the report adds up, the chart shows it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import numpy as np
import pytest

from nnaccel.bench import conv
from nnaccel.bench.conv_chart import conv_chart
from nnaccel.bench.conv_problem import ConvProblem
from nnaccel.bench.conv_report import ConvReport
from nnaccel.bench.machine import Machine
from nnaccel.bench.peers import CONV_NNACCEL, CONV_PEERS, Peer
from nnaccel.bench.problem import DisagreementError
from nnaccel.bench.shapes import parse

SHAPES = ["3x2x7x8-k4-3x3-s1-p1", "2x4x9x9-k6-3x2-s2-d2-g2"]
CONTESTANTS = CONV_NNACCEL | CONV_PEERS


@pytest.fixture(scope="module")
def report(machine: Machine) -> Iterator[ConvReport]:
    absent = Peer("none:None", "no_such_library_0", "pip i", "?")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conv, "measure_machine", lambda: machine)
        patch.setattr(conv, "_TURN", 1e-9)
        patch.setitem(CONV_PEERS, "absent", absent)
        yield conv.run_conv(SHAPES, ["absent", "numpy", "naive"], repeats=3, backend="numpy")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", CONTESTANTS)
def test_every_contestant_computes_the_convolution(name: str, shape: str) -> None:
    if not CONTESTANTS[name].available:
        pytest.skip(f"{name} is not installed: {CONTESTANTS[name].install}")
    mine = CONTESTANTS[name].make(ConvProblem.draw(parse(shape)))
    plain = CONV_PEERS["numpy"].make(mine.problem.astype(np.float64))
    for direction in ("forward", "backward"):
        error = conv.check(name, direction, getattr(mine, direction)(), getattr(plain, direction)())
        assert error < 1e-6


def test_the_report_adds_up(report: ConvReport) -> None:
    assert [(race.shape, race.direction) for race in report.races] == [
        (str(parse(shape)), direction) for shape in SHAPES for direction in ("forward", "backward")
    ]
    forward, backward = report.races[:2]
    assert backward.flops == 2 * forward.flops == 4 * 3 * 4 * 7 * 8 * 2 * 9
    nnaccel, last, numpy, naive = forward.rows
    assert (nnaccel.ratio, len(numpy.seconds), numpy.scaled) == (1.0, 3, False)
    assert last.about == "nnaccel, channels-last"
    assert (naive.images, naive.batch_size, len(naive.seconds)) == (1, 3, 1)
    assert forward.gflops(numpy) * numpy.median * 1e9 == pytest.approx(forward.flops)
    assert report.peak_fraction(forward, numpy) * 17 == pytest.approx(forward.gflops(numpy))
    assert all(0 <= row.error < 2e-5 for race in report.races for row in race.rows)


def test_leads_are_geometric_means(report: ConvReport) -> None:
    leads = report.leads()
    assert leads.keys() == {"forward", "backward"}
    ratios = [race.rows[2].ratio for race in report.races if race.direction == "forward"]
    assert leads["forward"]["numpy"] == pytest.approx(math.sqrt(math.prod(ratios)))


def test_text_and_json_tell_of_everybody(report: ConvReport) -> None:
    text = str(report)
    assert "absent: not installed: pip i" in text
    assert "* naive NumPy was timed once, on 1 image, and scaled to the batch" in text
    assert "geometric mean" in text
    found = json.loads(report.to_json())
    names = [row["name"] for row in found["races"][0]["rows"]]
    assert names == ["nnaccel", "nnaccel_channels_last", "numpy", "naive"]
    assert found["races"][0]["rows"][0]["median"] > 0
    assert found["leads"] == report.leads()


def test_the_chart_has_a_bar_for_each_that_was_timed_in_full(report: ConvReport) -> None:
    figure = conv_chart(report)
    assert len(figure.axes) == 2
    for ax, direction in zip(figure.axes, ("forward", "backward"), strict=True):
        assert direction in ax.get_title()
        assert len(ax.patches) == 3 * len(SHAPES)
        assert [label.get_text() for label in figure.legends[0].get_texts()] == [
            "nnaccel",
            "nnaccel, channels-last",
            "NumPy, im2col",
        ]


def test_one_direction_only(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conv, "measure_machine", lambda: machine)
    monkeypatch.setattr(conv, "_TURN", 1e-9)
    report = conv.run_conv(SHAPES[:1], ["numpy"], 1, "numpy", ["backward"])
    assert [race.direction for race in report.races] == ["backward"]


def test_a_wrong_result_is_found() -> None:
    problem = ConvProblem.draw(parse(SHAPES[0]))
    (y,) = conv.answer(problem, "forward")
    wrong = y.copy()
    wrong[0, 0, 0, 0] += 1e-3
    with pytest.raises(DisagreementError, match="me is off: y by"):
        conv.check("me", "forward", (wrong,), (y,))
    wrong[0, 0, 0, 0] = np.nan
    for result in (wrong, y[1:]):
        with pytest.raises(DisagreementError, match="me is off"):
            conv.check("me", "forward", (result,), (y,))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"repeats": 0}, "repeats is 0"),
        ({"directions": ["back"]}, "unknown direction"),
        ({"against": ["touch"]}, "Did you mean 'torch'"),
        ({"shapes": ["1x1x1x1"]}, "describes no convolution"),
    ],
)
def test_bad_requests(how: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        conv.run_conv(**how)  # type: ignore[arg-type]
