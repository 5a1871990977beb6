"""The examples run, on small settings, as someone would start them."""

from __future__ import annotations

import ast
import contextlib
import io
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from .processes import ROOT, Done, offline, python

pytestmark = pytest.mark.slow


def start(script: str, *args: str) -> Done:
    """Run an example to its end, good or bad."""
    return python("-W", "error", f"examples/{script}.py", *args)


def run(script: str, folder: Path, *args: str) -> str:
    """What an example prints, where neither MNIST nor a network is."""
    done = python("-W", "error", f"examples/{script}.py", *args, **offline(folder))
    assert done.returncode == 0, done.stderr
    return done.stdout


def percent(text: str, pattern: str) -> float:
    """The percentage that follows a pattern."""
    found = re.search(rf"{pattern}\D*([\d.]+)%", text)
    assert found is not None, text
    return float(found[1])


PROGRAMS = [
    p for p in (ROOT / "examples").glob("[!_]*.py") if ".add_argument(" in p.read_text("utf-8")
]


@pytest.mark.parametrize("path", sorted(PROGRAMS), ids=lambda p: p.stem)
def test_every_option_has_a_help_text(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    options = [call for call in calls if ast.unparse(call.func) == "parser.add_argument"]
    assert options
    for call in options:
        assert "help" in [keyword.arg for keyword in call.keywords], ast.unparse(call)


@pytest.mark.parametrize("name", ["mnist_cnn", "06_backends"])
def test_help_tells_the_defaults_that_there_are(name: str) -> None:
    told = start(name, "--help").stdout
    assert "(default: 3)" in told or "(default: 20)" in told
    assert "None)" not in told
    assert "False)" not in told


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["06_backends", "--epochs", "0"], "--epochs: 0 is too few: give 1 at least"),
        (["gan", "--picture", "none/a.png"], "--picture: none/a.png: give a file in a folder"),
        (["gan", "--picture", "a.jpg"], "--picture: a.jpg must end in .png"),
        (
            ["mnist_sigmoid", "--learning-rate", "nan"],
            "--learning-rate: nan is no step",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_that_cannot_be_used_are_told_of(args: list[str], words: str) -> None:
    done = start(*args)
    assert done.returncode == 2
    assert words in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("script", "epochs", "least"),
    [
        ("mnist_sigmoid", 3, 85),
        ("mnist_quick", 4, 90),
        ("mnist_mlp", 5, 75),
        ("resnet", 4, 90),
    ],
)
def test_example_learns_the_digits(script: str, epochs: int, least: float, tmp_path: Path) -> None:
    printed = run(script, tmp_path, "--epochs", str(epochs))
    assert percent(printed.splitlines()[-1], "accuracy ") >= least


def test_what_is_held_out_is_said(tmp_path: Path) -> None:
    printed = run("mnist_quick", tmp_path, "--epochs", "1", "--held-out").splitlines()
    assert "tested on 119 training images, which are held out" in printed


def test_the_deep_and_plain_network_is_timed(tmp_path: Path) -> None:
    printed = run("mnist_ciresan", tmp_path, "--epochs", "1", "--steps", "2")
    rate = re.search(r"([\d,]+) images/s", printed.splitlines()[-2])
    assert rate is not None
    assert int(rate[1].replace(",", "")) > 0


def test_what_a_convolutional_network_misreads_is_drawn(tmp_path: Path) -> None:
    picture = tmp_path / "misread.png"
    printed = run("mnist_cnn", tmp_path, "--epochs", "4", "--held-out", "--picture", str(picture))
    assert percent(printed.splitlines()[-1], "accuracy ") >= 80
    with Image.open(picture) as image:
        assert image.format == "PNG"


def test_transfer_keeps_what_was_learnt(tmp_path: Path) -> None:
    printed = run("transfer", tmp_path, "--epochs", "2", "--images", "3")
    assert percent(printed, "with transfer: ") >= 60
    assert percent(printed, "from scratch: ") >= 60


def rung(script: str, folder: Path, **settings: object) -> str:
    """What a rung prints as a notebook, cell by cell, with some of its settings changed.

    Its pictures are shown by the cells that save them.
    """
    program = (ROOT / "examples" / f"{script}.py").read_text("utf-8")
    for name, value in settings.items():
        program, count = re.subn(rf"^{name} = .*$", f"{name} = {value}", program, flags=re.M)
        assert count == 1, name
    names: dict[str, Any] = {}
    printed = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
        for cell in re.split(r"^# %%$", program, flags=re.M):
            before = set(folder.glob("*.png"))
            shown = run_cell(cell, names)
            for picture in set(folder.glob("*.png")) - before:
                with (
                    Image.open(picture) as saved,
                    Image.open(io.BytesIO(shown._repr_png_())) as png,
                ):
                    assert min(*saved.size, *png.size) > 200
    assert program.count("plot.save(") == len(list(folder.glob("*.png")))
    return printed.getvalue()


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; the value of its last line, which a notebook shows."""
    body = ast.parse(source).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None


def test_least_squares_three_ways(tmp_path: Path) -> None:
    printed = rung("01_least_squares", tmp_path)
    lines = re.findall(r"intercept (\S+), slope (\S+)", printed)
    assert len(lines) == 3
    assert len(set(lines)) == 1  # to six decimals
    assert "Residual sum of squares" in printed


def test_logistic_regression_by_newton_and_by_descent(tmp_path: Path) -> None:
    printed = rung("02_logistic_regression", tmp_path, STEPS=20000)
    assert "petal / 7.9 cm   105.17" in printed  # and on the picture's axes:
    assert f"{105.1699 / 7.9:.3f} (petal)" in printed
    assert "Newton, 9 steps: -39.83851 -31.73243 105.16992 log-likelihood -11.92523" in printed
    descent = re.search(r"descent, 20,000 steps: (\S+)", printed)
    assert descent is not None
    assert -39.8 < float(descent[1]) < -30
    assert percent(printed, "three species by softmax") > 96


def test_fewer_hidden_units_follow_spirals_less(tmp_path: Path) -> None:
    printed = rung("03_spirals", tmp_path, HIDDEN=[10, 3, 1], TRIES=3, EPOCHS=100, STARTS=2)
    scores = [float(score) for score in re.findall(r"hidden units: ([\d.]+)%", printed)]
    assert scores[0] > 97
    assert scores[0] > scores[1] > scores[2]
    for name in ("3 units", "10 layers"):
        assert percent(printed, f"{name} [+] skip: ") > percent(printed, f"{name}: ") + 5
    gap = re.search(r"differ by (\S+)", printed)
    assert gap is not None
    assert float(gap[1]) < 1e-12


def test_digits_are_read(tmp_path: Path) -> None:
    printed = rung("04_digits", tmp_path, EPOCHS=20)
    right = re.search(r"([\d.]+)% of 359 new digits", printed)
    assert right is not None
    assert float(right[1]) > 93


def test_learnt_features_help_with_other_digits(tmp_path: Path) -> None:
    printed = rung("05_convolution", tmp_path)
    assert percent(printed, "which it was trained on:") > 95
    assert percent(printed, "regression on features:") > 85


def test_backends_agree(tmp_path: Path) -> None:
    printed = run("06_backends", tmp_path, "--epochs", "2")
    spread = re.search(r"losses agree to (\S+):", printed)
    assert spread is not None
    assert float(spread[1]) < 1e-4
    assert {"numpy", "numba"} <= {line.split()[0] for line in printed.splitlines() if line.strip()}


def test_what_digits_are_learnt_is_said(tmp_path: Path) -> None:
    printed = run("mnist_sigmoid", tmp_path, "--epochs", "1").splitlines()
    assert printed[:2] == [
        "MNIST is not here and cannot be downloaded (--data mnist says why)",
        "data: the small digits that scikit-learn embeds",
    ]


def test_mnist_asked_for_where_it_cannot_be_had(tmp_path: Path) -> None:
    done = python("examples/mnist_sigmoid.py", "--data", "mnist", **offline(tmp_path))
    assert done.returncode == 1
    assert "MNIST was not found" in done.stderr
    for way in ("NNACCEL_DATA", "nn.data.digits()", "--data digits"):
        assert way in done.stderr


def test_the_programs_of_the_readme_need_no_network(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    first, *others = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    others = [b for b in others if all(map(find_spec, re.findall(r"^import (\w+)$", b, re.M)))]
    program = "\n".join([first, "print(model.evaluate(x_test, y_test))", *others])
    done = python("-c", program, cwd=tmp_path, **offline(tmp_path))
    assert done.returncode == 0, done.stderr
    evaluated = re.search(r"\[([\d.]+), ([\d.]+)\]", done.stdout)
    assert evaluated is not None
    assert float(evaluated[2]) > 0.95


def test_two_networks_against_one_another(tmp_path: Path) -> None:
    printed = run("gan", tmp_path, "--epochs", "3", "--picture", str(tmp_path / "gan.png"))
    with Image.open(tmp_path / "gan.png") as image:
        assert min(image.size) > 500
    losses = re.findall(r"loss ([\d.]+), the painter's ([\d.]+)", printed)
    assert len(losses) == 3
    assert all(0 < float(loss) < 10 for pair in losses for loss in pair)


@pytest.mark.skipif(find_spec("distributed") is None, reason="needs dask and distributed")
def test_a_cluster_finds_the_winner_of_one_process(tmp_path: Path) -> None:
    found = run("07_search", tmp_path, "--rows", "300")
    assert found.count("the same winner") == 2
