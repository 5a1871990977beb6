"""`info`, `evaluate`, `predict` and `bench` as subprocesses."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from nnaccel.data import digits


def test_info_shows_backends_and_the_one_in_force(run: Any) -> None:
    done = run("info")
    assert (done.returncode, done.stderr) == (0, "")
    for shown in ("numpy", "numba", "cupy", "→ numpy", "NNACCEL_BACKEND=numpy", "BLAS", "threads"):
        assert shown in done.stdout


def test_info_on_a_narrow_terminal(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr("nnaccel.cli.info.console", lambda: Console(file=screen, width=40))
    assert call("info").returncode == 0
    shown = screen.getvalue().splitlines()
    at = shown.index(f"→ numpy  yes  {np.__version__}")
    assert shown[at + 1].startswith("    ")


@pytest.mark.parametrize("group", [[], ["bench"]])
def test_lists_of_commands_are_not_cut_off(run: Any, group: list[str]) -> None:
    assert "..." not in run(*group, "--help", COLUMNS="80").stdout.split("Commands:")[1]


def test_the_version(run: Any) -> None:
    assert run("--version").stdout.startswith("nnaccel ")


def test_info_as_json(run: Any) -> None:
    facts = json.loads(run("info", "--json", NNACCEL_NUM_THREADS="1").stdout)
    assert (facts["backend"], facts["threads"]) == ("numpy", 1)
    names = [row["name"] for row in facts["backends"]]
    assert names[:4] == ["numpy", "numba", "cupy", "torch"]  # then those of packages
    assert facts["libraries"]["numpy"] == np.__version__


def test_info_tells_of_a_wrong_choice_and_still_shows_the_table(run: Any) -> None:
    done = run("info", NNACCEL_BACKEND="nmba")
    assert done.returncode == 2
    assert "Did you mean 'numba'?" in done.stderr
    assert "numpy" in done.stdout
    assert json.loads(run("info", "--json", NNACCEL_BACKEND="nmba").stdout)["backend"] is None


def test_evaluate(run: Any, model: Path) -> None:
    done = run("evaluate", model, "digits")
    assert (done.returncode, done.stderr) == (0, "")
    assert "test accuracy" in done.stdout
    assert "true    predicted" in done.stdout


def test_evaluate_draws_what_went_wrong(call: Any, model: Path, tmp_path: Path) -> None:
    png = tmp_path / "wrong.png"
    done = call("evaluate", model, "digits", "--plot", png)
    assert done.stdout.endswith(f"drawn in {png}\n")
    with Image.open(png) as image:
        assert image.width == 1350  # 9 inches
        assert image.height > image.width  # the mistakes lie below the matrix


def test_evaluate_as_json(call: Any, model: Path) -> None:
    facts = json.loads(call("evaluate", model, "digits", "--json", "--rows", "all").stdout)
    assert facts["rows"] == np.sum(facts["confusion"]) == 1797
    assert facts["accuracy"] == pytest.approx(np.trace(facts["confusion"]) / 1797)


def test_evaluate_knows_the_names_it_was_trained_on(call: Any, tmp_path: Path) -> None:
    rows = [f"{i},{i % 3},{'abc'[i % 3]}" for i in range(30)]
    (tmp_path / "abc.csv").write_text("\n".join(rows))
    (tmp_path / "cb.csv").write_text("\n".join(row for row in rows if row[-1] != "a"))
    model = tmp_path / "abc.safetensors"
    assert call("train", tmp_path / "abc.csv", "--epochs", 1, "--save", model).returncode == 0
    done = call("evaluate", model, tmp_path / "cb.csv", "--json", "--rows", "all")
    facts = json.loads(done.stdout)
    assert facts["classes"] == ["a", "b", "c"]
    assert np.sum(facts["confusion"], 1).tolist() == [0, 10, 10]


def test_predict_draws_bars(run: Any, model: Path, pictures: list[Path]) -> None:
    done = run("predict", model, pictures[0])
    assert (done.returncode, done.stderr) == (0, "")
    head, *bars = done.stdout.splitlines()
    assert head.startswith(str(pictures[0]))
    assert [bar.split()[0] for bar in bars] == [str(digit) for digit in range(10)]
    shares = [float(bar.split()[-1].rstrip("%")) for bar in bars]
    assert sum(shares) == pytest.approx(100, abs=1)
    first, second = np.argsort(shares)[::-1][:2]
    unsure = f"not sure, {first} or {second}: they are close"
    assert head.removeprefix(f"{pictures[0]}: ") in (str(first), unsure)


def test_predict_as_json(call: Any, model: Path, pictures: list[Path]) -> None:
    answers = json.loads(call("predict", "--json", model, *pictures).stdout)
    assert [answer["image"] for answer in answers] == list(map(str, pictures))
    _, (_, y) = digits()
    right = [int(a["candidates"][0]) == label for a, label in zip(answers, y, strict=False)]
    assert sum(right) >= 3
    for answer in answers:
        second, first = sorted(answer["probabilities"].values())[-2:]
        assert (answer["prediction"] is None) == bool(answer["doubt"]) == (second >= first / 2)


def test_predict_is_not_sure_of_a_page_of_many_things(
    call: Any, model: Path, tmp_path: Path
) -> None:
    page = Image.new("L", (300, 200), "white")
    for left in (40, 140, 240):
        page.paste("black", (left, 60, left + 12, 140))
    page.save(tmp_path / "three.png")
    done = call("predict", model, tmp_path / "three.png")
    head = done.stdout.splitlines()[0]
    assert (done.returncode, done.stderr) == (0, "")
    assert ": not sure, " in head
    assert head.endswith("more than one thing of a digit's size")


def test_predict_answers_the_good_pictures_beside_bad_ones(
    call: Any, model: Path, pictures: list[Path], tmp_path: Path
) -> None:
    bad = tmp_path / "note.png"
    bad.write_text("seven")
    done = call("predict", "--json", model, pictures[0], bad, tmp_path / "none.png", pictures[1])
    answers = json.loads(done.stdout)
    assert done.returncode == 1
    assert [answer["image"] for answer in answers] == [str(pictures[0]), str(pictures[1])]
    not_read, none = done.stderr.splitlines()
    assert str(bad) in not_read
    assert "no such file" in none


def test_predict_without_one_good_picture_has_bad_input(
    call: Any, model: Path, tmp_path: Path
) -> None:
    done = call("predict", model, tmp_path / "a.png", tmp_path / "b.png")
    assert (done.returncode, done.stdout) == (2, "")
    assert "a.png" in done.stderr
    assert "b.png" in done.stderr


def test_predict_needs_a_model_of_pictures(call: Any, pictures: list[Path], tmp_path: Path) -> None:
    model = tmp_path / "iris.safetensors"
    assert call("train", "iris", "--epochs", 1, "--save", model).returncode == 0
    done = call("predict", model, pictures[0])
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "it takes 4 numbers" in done.stderr


@pytest.mark.slow
def test_bench_prints_a_table_and_writes_json(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "race.json"
    done = run("bench", "mlp", "--against", "numpy", "--hidden", "2", "--batch-size", "2000",
               "--repeats", "1", "--json", path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "images/s" in done.stdout
    assert {row["name"] for row in json.loads(path.read_text())["rows"]} >= {"nnaccel", "numpy"}
