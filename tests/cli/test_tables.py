"""`train`, `evaluate` and `predict` on tables: what is guessed is said, what is known is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnaccel.training import checkpoint

Write = Callable[..., Path]

ROWS = 200


@pytest.fixture(scope="module")
def columns() -> dict[str, list[Any]]:
    """Three columns on unlike scales, two of which decide the class; a text, and a number."""
    rng = np.random.default_rng(0)
    speed, mass, temp = (rng.normal(at, by, ROWS).round(2)
                         for at, by in ((30, 10), (1000, 300), (10, 8)))  # fmt: skip
    z = (speed - 30) / 10 + (mass - 1000) / 300
    return {
        "speed": speed.tolist(),
        "mass": mass.tolist(),
        "temp": temp.tolist(),
        "town": ["Bonn", "Köln", "Ulm"] * (ROWS // 3) + ["Bonn"] * (ROWS % 3),
        "kind": np.where(z > 0, "hot", "cold").tolist(),
        "price": (1000 * z + 20_000).round().astype(int).tolist(),
    }


@pytest.fixture
def write(columns: dict[str, list[Any]], tmp_path: Path) -> Write:
    """Write some of the columns, in that order, to a file."""

    def table(
        *names: str, file: str = "table.csv", separator: str = ",", **more: list[Any]
    ) -> Path:
        chosen = {**more, **{name: columns[name] for name in names}}
        rows = [chosen, *zip(*chosen.values(), strict=True)]
        path = tmp_path / file
        path.write_text("".join(separator.join(map(str, row)) + "\n" for row in rows), "utf-8")
        return path

    return table


@pytest.fixture
def trained(call: Any, write: Write, tmp_path: Path) -> Path:
    """A model of speed, mass, temp and town."""
    path = tmp_path / "hot.safetensors"
    done = call("train", write("speed", "mass", "temp", "town", "kind"), "--save", path)
    assert (done.returncode, done.stderr) == (0, "")
    return path


def score(done: Any) -> dict[str, Any]:
    assert (done.returncode, done.stderr) == (0, "")
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "id"])
def test_an_index_is_left_out_and_told(call: Any, write: Write, name: str) -> None:
    noise = np.random.default_rng(1).normal(size=ROWS).round(3).tolist()
    halves = ["a"] * (ROWS // 2) + ["b"] * (ROWS // 2)
    path = write(**{name: list(range(ROWS))}, u=noise, v=noise[::-1], kind=halves)
    done = call("train", path, "--epochs", 1)
    said = done.stdout.splitlines()
    assert "is left out (--keep-index keeps it)" in said[0]
    assert any("160 rows of 2 to learn" in line for line in said)
    kept = call("train", path, "--epochs", 1, "--keep-index")
    assert "160 rows of 3 to learn" in kept.stdout


def test_columns_on_unlike_scales_are_learnt(call: Any, write: Write) -> None:
    path = write("speed", "mass", "temp", "kind")
    done = call("train", path)
    assert "columns are brought to mean 0 and deviation 1 (--no-standardize leaves them)" in (
        done.stdout
    )
    assert accuracy(done.stdout) > 0.9
    raw = call("train", path, "--no-standardize", "--epochs", 1)
    assert "brought to mean 0" not in raw.stdout


def accuracy(text: str) -> float:
    """Read the test accuracy that was printed."""
    line = next(line for line in text.splitlines() if line.startswith("test accuracy"))
    return float(line.split()[2].rstrip("%")) / 100


def test_columns_are_taken_by_name(call: Any, trained: Path, write: Write) -> None:
    order = ("kind", "town", "temp", "mass", "speed")
    same, turned = write("speed", "mass", "temp", "town", "kind"), write(*order, file="turned.csv")
    more = write(*order, "price", file="b.csv", separator=";")
    facts = [
        score(call("evaluate", trained, path, "--rows", "all", "--json"))
        for path in (same, turned, more)
    ]
    assert [each["accuracy"] for each in facts] == [facts[0]["accuracy"]] * 3
    assert facts[0]["accuracy"] > 0.9
    told = call("evaluate", trained, more).stdout.splitlines()
    assert told[0] == "b: passed over is what the model was not trained on: 'price'"


def test_a_column_that_is_not_there_is_refused(call: Any, trained: Path, write: Write) -> None:
    lacking = write("speed", "temp", "town", "kind")
    for command in ("evaluate", "predict"):
        done = call(command, trained, lacking)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert "lacks the column 'mass', which the model was trained on" in done.stderr
    rows = lacking.read_text("utf-8").splitlines()[1:]
    lacking.write_text("\n".join(rows), "utf-8")
    assert "lacks the column" in call("evaluate", trained, lacking).stderr


def test_a_level_that_training_did_not_see_is_refused(
    call: Any, trained: Path, write: Write
) -> None:
    path = write("speed", "mass", "temp", "kind", town=["Rom"] * ROWS)
    done = call("predict", trained, path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "row 2, column 'town' holds 'Rom', which the model was not trained on" in done.stderr


def test_predict_tells_the_label_of_each_row(
    call: Any, trained: Path, write: Write, columns: dict[str, list[Any]]
) -> None:
    path = write("town", "temp", "mass", "speed")
    path.write_text(path.read_text("utf-8") + "Bonn,,1,2\n", "utf-8")
    answers = score(call("predict", trained, path, "--json"))
    assert [answer["row"] for answer in answers] == list(range(2, ROWS + 3))
    right = [answer["prediction"] == kind
             for answer, kind in zip(answers, columns["kind"], strict=False)]  # fmt: skip
    assert np.mean(right) > 0.9
    assert answers[0]["probabilities"].keys() == {"cold", "hot"}
    assert answers[-1]["prediction"] is None
    lines = call("predict", trained, path).stdout.splitlines()
    assert lines[0].startswith(f"{path}: row 2: {answers[0]['prediction']}  ")
    assert lines[-1] == f"{path}: row {ROWS + 2}: no prediction, since a value is missing"


def test_numbers_are_predicted_in_their_own_unit(call: Any, write: Write, tmp_path: Path) -> None:
    path, model = write("speed", "mass", "price"), tmp_path / "price.safetensors"
    done = call("train", path, "--save", model)
    assert "different whole numbers, which are predicted as such" in done.stdout
    assert "columns, the label's too, are brought to mean 0" in done.stdout
    facts = score(call("evaluate", model, path, "--json"))
    assert 0 < facts["rmse"] < 400  # of a price that varies by 1400
    assert facts["r2"] > 0.9
    told = score(call("predict", model, path, "--json"))
    prices = [int(line.split(",")[2]) for line in path.read_text().splitlines()[1:]]
    error = np.array([answer["prediction"] for answer in told]) - prices
    assert np.sqrt(np.mean(error**2)) < 400


def test_the_label_is_told_and_chosen(call: Any, write: Write) -> None:
    path = write("kind", "speed", "mass", "price")
    guessed = call("train", path, "--epochs", 1).stdout
    assert "table: the label is 'price', the last column: " in guessed
    assert "(--label and --task say otherwise)" in guessed
    chosen = call("train", path, "--epochs", 1, "--label", "kind", "--drop", "price").stdout
    assert "table: the label is 'kind', asked for: 2 classes" in chosen
    assert "the label is" not in call("train", path, "--epochs", 1, "--quiet").stdout
    path = write("speed", level=[1 + i % 2 for i in range(ROWS)])
    matrix = call("train", path, "--label", "level", "--epochs", 1).stdout.splitlines()
    at = matrix.index("true    predicted")
    assert [row.split()[0] for row in matrix[at + 2 :] if row][:2] == ["1", "2"]
    assert matrix[at + 1].split() == ["1", "2", "right"]
    numbers = call("train", path, "--label", "level", "--task", "regress", "--epochs", 1).stdout
    assert "test r2" in numbers


def test_resuming_keeps_columns_and_scale(call: Any, write: Write, tmp_path: Path) -> None:
    path = write("temp", "town", "speed", "mass", "kind")
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    options = ["--label", "kind", "--text", "temp", "--drop", "temp"]
    assert call("train", path, *options, "--epochs", 3, "--save", whole).returncode == 0
    assert call("train", path, *options, "--epochs", 1, "--save", parts).returncode == 0
    done = call("train", "--resume", parts, "--epochs", 3)
    assert (done.returncode, done.stderr) == (0, "")
    kept = [checkpoint.read(each) for each in (whole, parts)]
    for name, array in kept[0][0].items():
        np.testing.assert_array_equal(array, kept[1][0][name])
    notes = [described["training"]["callbacks"]["Note"] for _, described in kept]
    assert notes[0]["schema"] == notes[1]["schema"]
    assert notes[0]["scaling"] == notes[1]["scaling"]
    refused = call("train", "--resume", parts, "--epochs", 5, "--label", "town", "--no-standardize")
    assert "leave out --label, --standardize: --resume goes on" in refused.stderr


def test_a_first_row_that_may_be_either_is_asked_for(call: Any, write: Write) -> None:
    path = write(
        "kind", **{"2019": [i / 7 for i in range(ROWS)], "2020": [i / 9 for i in range(ROWS)]}
    )
    done = call("train", path, "--epochs", 1)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "say which with --header or --no-header" in done.stderr
    named = call("train", path, "--epochs", 1, "--header").stdout
    assert "the label is 'kind', the last column: 2 classes" in named


def test_numbers_that_may_be_read_in_two_ways_are_asked_for(call: Any, tmp_path: Path) -> None:
    path, model = tmp_path / "a.csv", tmp_path / "a.safetensors"
    rows = [f"{800 + i * 10:,}".replace(",", ".") + f";{i % 5};{i * 3}" for i in range(60)]
    path.write_text("\n".join(["pop;z;y", *rows]))
    for command in (["train", path], ["regress", path, "--target", "y"]):
        done = call(*command)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert "'1.000', whose point may set off decimals or thousands" in done.stderr
        assert "--decimal , or --decimal ." in done.stderr
    facts = score(call("regress", path, "--target", "y", "--decimal", ",", "--json"))
    assert facts["coefficients"]["pop"]["estimate"] == pytest.approx(0.3)
    assert call("train", path, "--decimal", ",", "--save", model).returncode == 0
    assert score(call("evaluate", model, path, "--json"))["r2"] > 0.9  # as it was read in training


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["digits", "--label", "x"], "leave out --label: they are for files"),
        (["iris", "--no-header", "--task", "classify"], "leave out --header, --task: they are for"),
        (["a.npz", "--decimal", ","], "leave out --decimal: they are for .csv files"),
        (["{csv}", "--label", "kin"], "Did you mean 'kind'?"),
        (["{csv}", "--task", "regress"], "holds text, "),
        (["{csv}", "--drop", "sped"], "Did you mean 'speed'?"),
        (["{csv}", "--decimal", ";"], "--decimal"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_options_are_told_in_one_line(
    call: Any, write: Write, args: list[str], message: str
) -> None:
    path = write("speed", "mass", "kind")
    done = call("train", *(arg.format(csv=path) for arg in args))
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert message in done.stderr


def test_a_damaged_schema_is_a_damaged_file(call: Any, trained: Path, write: Write) -> None:
    arrays, described = checkpoint.read(trained)
    described["training"]["callbacks"]["Note"]["schema"]["columns"] = [["speed", [1]]]
    checkpoint.write(trained, arrays, {k: v for k, v in described.items() if k != "format"})
    done = call("evaluate", trained, write("speed", "kind"))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "not a whole model file" in done.stderr


def test_help_says_what_is_guessed(call: Any) -> None:
    said = " ".join(call("train", "--help").stdout.split())
    for words in (
        "--label COLUMN Column of a .csv to predict",
        "[default: label, target, y or class, else the last]",
        "[default: numbers if they are more than 20 different ones or not whole, else classes]",
        "--header / --no-header",
        "--keep-index",
        "--standardize / --no-standardize",
        "What was guessed or left out is printed, with the option that says otherwise.",
    ):
        assert words in said
