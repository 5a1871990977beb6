"""`nnaccel regress`: the table of a file, its numbers as JSON, a picture; errors in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ROWS = 60


@pytest.fixture(scope="module")
def people() -> dict[str, list[Any]]:
    """Columns of a survey; wage depends on school and city, member on school."""
    rng = np.random.default_rng(7)
    school = rng.integers(8, 20, ROWS)
    city = rng.choice(["Aachen", "Bonn", "Köln"], ROWS)
    wage = (2 + 0.7 * school + 2 * (city == "Köln") + rng.normal(0, 1.5, ROWS)).round(2)
    member = np.where(rng.random(ROWS) < 1 / (1 + np.exp((13 - school) / 2)), "yes", "no")
    return {
        "wage": wage.tolist(),
        "school": school.tolist(),
        "age": rng.integers(18, 65, ROWS).tolist(),
        "city": city.tolist(),
        "member": member.tolist(),
        "grade": rng.integers(1, 4, ROWS).tolist(),
        "passed": rng.integers(0, 2, ROWS).tolist(),
    }


@pytest.fixture
def csv(people: dict[str, list[Any]], tmp_path: Path) -> Any:
    """Write some of the columns, and others by keyword, and give the file's path."""

    def write(*names: str, **more: list[Any]) -> Path:
        columns = {name: people[name] for name in names} | more
        rows = [columns, *zip(*columns.values(), strict=True)]
        path = tmp_path / "people.csv"
        path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows), "utf-8")
        return path

    return write


def estimates(block: dict[str, Any]) -> list[float]:
    return [row["estimate"] for row in block.values()]


def test_a_process_prints_the_table(run: Any, csv: Any, people: dict[str, list[Any]]) -> None:
    path = csv("wage", "city", same=["x"] * ROWS, school=["NA", "", *people["school"][2:]])
    done = run("regress", path, "--target", "wage")
    assert (done.returncode, done.stderr) == (0, "")
    about, family, blank, *table = done.stdout.splitlines()
    assert about == (
        f"58 rows of {path}, 2 columns to explain 'wage' by; 2 rows with missing values left out; "
        "text: city (reference 'Aachen'); same is 'x' in every row and left out"
    )
    distinct = len(set(people["wage"][2:]))
    assert family == f"linear regression: 'wage' is a number with {distinct} distinct values"
    assert blank == ""
    rows = [line.split()[0] for line in table if line]
    first = rows.index("(Intercept)")
    assert rows[first + 1 : first + 4] == ["city[Bonn]", "city[Köln]", "school"]
    assert "degrees of freedom" in done.stdout


def test_the_column_that_costs_most_rows_is_named(call: Any, csv: Any, people: Any) -> None:
    school = ["NA"] * 40 + people["school"][40:]
    path = csv("wage", school=school, age=[*people["age"][:-1], ""])
    about = call("regress", path, "--target", "wage").stdout.splitlines()[0]
    assert about.endswith("41 rows with missing values left out; school lacks most, 40 values")
    facts = json.loads(call("regress", path, "--target", "wage", "--json").stdout)
    assert facts["missing"] == {"school": 40, "age": 1}


def test_a_column_without_a_name_is_told_of(call: Any, csv: Any, people: Any) -> None:
    path = csv(**{"": list(range(ROWS))}, wage=people["wage"], age=people["age"])
    about = call("regress", path, "--target", "age").stdout.splitlines()[0]
    assert about.endswith(
        "to explain 'age' by; the first column has no name and is left out (--keep-index keeps it)"
    )
    assert json.loads(call("regress", path, "--target", "age", "--json").stdout)["row_names"]


def test_linear_as_json(call: Any, csv: Any, people: dict[str, list[Any]]) -> None:
    path = csv("wage", "school", "city", "member")
    done = call("regress", path, "--target", "wage", "--drop", "member", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    facts = json.loads(done.stdout)
    city = np.array(people["city"])
    design = np.column_stack([np.ones(ROWS), people["school"], city == "Bonn", city == "Köln"])
    wanted, (rss,), _, _ = np.linalg.lstsq(design, np.array(people["wage"]), rcond=None)
    assert list(facts["coefficients"]) == ["(Intercept)", *facts["features"]]
    np.testing.assert_allclose(estimates(facts["coefficients"]), wanted)
    assert facts["residual_sum_of_squares"] == pytest.approx(rss)
    told = {key: facts[key] for key in ("data", "target", "rows", "dropped", "family")}
    assert told == {
        "data": str(path),
        "target": "wage",
        "rows": ROWS,
        "dropped": 0,
        "family": "linear",
    }
    assert facts["text"] == {"city": ["Aachen", "Bonn", "Köln"]}


@pytest.mark.parametrize("target", ["member", "passed", "city"])
def test_classes_as_json(call: Any, csv: Any, people: dict[str, list[Any]], target: str) -> None:
    done = call("regress", csv(target, "wage", "age"), "--target", target, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    facts = json.loads(done.stdout)
    classes, codes = np.unique(people[target], return_inverse=True)
    blocks = facts["coefficients"]
    first, *others = classes.tolist()
    assert list(blocks) == [f"Log-odds of {other} against {first}" for other in others]
    design = np.column_stack([np.ones(ROWS), people["wage"], people["age"]])
    logits = np.column_stack([np.zeros(ROWS), *(design @ estimates(b) for b in blocks.values())])
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    likelihood = np.log(p[np.arange(ROWS), codes]).sum()
    assert facts["log_likelihood"] == pytest.approx(likelihood)
    # where the likelihood is largest its gradient is 0
    np.testing.assert_allclose(design.T @ (p - np.eye(len(classes))[codes]), 0, atol=1e-3)


@pytest.mark.parametrize(
    ("target", "options", "line"),
    [
        ("member", [], "logistic regression: 'member' is text with 2 levels"),
        ("passed", [], "logistic regression: 'passed' has 2 distinct values"),
        ("city", [], "softmax regression: 'city' is text with 3 levels"),
        ("grade", [], "linear regression: 'grade' is a number with 3 distinct values"),
        ("grade", ["--family", "softmax"], "softmax regression: asked for"),
        ("passed", ["--family", "linear"], "linear regression: asked for"),
        ("passed", ["--family", "softmax"], "softmax regression: asked for"),
    ],
)
def test_the_family(call: Any, csv: Any, target: str, options: list[str], line: str) -> None:
    done = call("regress", csv(target, "wage", "age"), "--target", target, *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1] == line


def test_numbers_as_classes_have_no_fraction(call: Any, csv: Any) -> None:
    done = call("regress", csv("grade", "age"), "--target", "grade", "--family", "softmax")
    assert "Log-odds of 2 against 1:" in done.stdout
    assert "Log-odds of 3 against 1:" in done.stdout


def warnings_of(done: Any) -> list[str]:
    assert done.returncode == 0
    assert "Estimate" in done.stdout
    return [line.removeprefix("nnaccel: warning: ") for line in done.stderr.splitlines()]


def test_dependent_columns_are_told_by_name(call: Any, csv: Any, people: dict[str, Any]) -> None:
    path = csv("wage", "age", "school", twice=[2 * years for years in people["school"]])
    (line,) = warnings_of(call("regress", path, "--target", "wage"))
    assert line.startswith("columns 'school' and 'twice' are linearly dependent")


def test_levels_spelt_nearly_alike_are_told(call: Any, csv: Any) -> None:
    path = csv("wage", "school", t=["NO", "no", "x5", "X5"] * (ROWS // 4))
    (line,) = warnings_of(call("regress", path, "--target", "wage"))
    assert "column 't' has levels that differ in case or blanks only, 'NO' and 'no', 'X5'" in line


def test_a_column_that_may_be_meant_as_numbers_is_told(call: Any, csv: Any) -> None:
    path = csv("wage", edu=[*"789", "school"] * (ROWS // 4))
    (line,) = warnings_of(call("regress", path, "--target", "wage"))
    assert "column 'edu' is taken as text although 75% of its cells are numbers: row 5" in line
    done = call("regress", path, "--target", "wage", "--text", "edu")
    assert (done.returncode, done.stderr) == (0, "")


def test_perfect_separation_is_told(call: Any, csv: Any, people: dict[str, Any]) -> None:
    path = csv("school", is_long=["yes" if years > 12 else "no" for years in people["school"]])
    (line,) = warnings_of(call("regress", path, "--target", "is_long"))
    assert "perfect separation" in line


@pytest.mark.parametrize(
    ("target", "others", "labels", "score"),
    [
        ("wage", ["school"], ("school", "wage"), "R² = 0."),
        ("wage", ["school", "city"], ("fitted wage", "observed wage"), "R² = 0."),
        ("wage", ["member"], ("fitted wage", "observed wage"), "R² = 0."),
        ("member", ["school"], ("school", "probability of yes"), "of 60 rows right"),
        ("passed", ["age"], ("age", "probability of class 1"), "of 60 rows right"),
        ("member", ["wage", "age"], ("wage", "age"), "of 60 rows right"),
        ("city", ["wage", "age"], ("wage", "age"), "of 60 rows right"),
        ("grade", ["wage", "age", "school"], ("fitted grade", "observed grade"), "R² = 0."),
        ("member", ["wage", "age", "school"], ("predicted class", "true class"), "right"),
        ("member", ["wage", "passed", "city"], ("predicted class", "true class"), "right"),
    ],
)
def test_the_picture(
    call: Any,
    csv: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    target: str,
    others: list[str],
    labels: tuple[str, str],
    score: str,
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr("nnaccel.plot.save", lambda figure, path: drawn.append((figure, path)))
    png = tmp_path / "fit.png"
    done = call("regress", csv(target, *others), "--target", target, "--plot", png)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"\ndrawn in {png}\n")
    ((figure, path),) = drawn
    axes = figure.axes[0]
    assert (path, axes.get_xlabel(), axes.get_ylabel()) == (png, *labels)
    assert axes.get_title().startswith(f"{target}: ")
    assert score in axes.get_title()


def test_a_boundary_tells_how_many_rows_are_right(
    call: Any, csv: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr("nnaccel.plot.save", lambda figure, path: drawn.append(figure))
    # 54 rows at (0, 0) and 6 at (9, 9), a third of which are of the class that is rare there
    x = [0] * 54 + [9] * 6
    y = ["a"] * 36 + ["b"] * 18 + ["b"] * 4 + ["a"] * 2
    path = csv(u=x, v=[value + i % 2 for i, value in enumerate(x)], y=y)
    call("regress", path, "--target", "y", "--plot", tmp_path / "fit.png")
    assert drawn[0].axes[0].get_title() == "y: 66.7% of 60 rows right"


def test_the_picture_is_a_png(call: Any, csv: Any, tmp_path: Path) -> None:
    png = tmp_path / "fit.png"
    done = call(
        "regress", csv("wage", "school", "age"), "--target", "wage", "--json", "--plot", png
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["family"] == "linear"
    with Image.open(png) as image:
        assert image.format == "PNG"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["{none}", "--target", "wage"], "no such file"),
        (["{csv}"], "--target"),
        (["{csv}", "--target", "wages"], "Did you mean 'wage'?"),
        (["{csv}", "--target", "wage", "--drop", "ctiy"], "Did you mean 'city'?"),
        (["{csv}", "--target", "wage", "--drop", "wage"], "cannot be left out"),
        (["{csv}", "--target", "wage", "--drop", "city", "--drop", "school"], "no column"),
        (["{csv}", "--target", "wage", "--family", "poisson"], "--family"),
        (["{csv}", "--target", "wage", "--family", "logistic"], "linear, which explains a number"),
        (["{csv}", "--target", "wage", "--family", "softmax"], "too many for classes"),
        (["{csv}", "--target", "city", "--family", "logistic"], "'city' has 3: take softmax"),
        (["{csv}", "--target", "city", "--family", "linear"], "'city' is text"),
        (["{csv}", "--target", "wage", "--plot", "fit.jpg"], "must end in .png"),
        (["{csv}", "--target", "wage", "--plot", "{none}/fit.png"], "no folder"),
        (["{csv}", "--target", "wage", "--backend", "nump"], "Did you mean 'numpy'?"),
        (["{bad}", "--target", "wage"], "row 3 has 1 cells where most rows have 2"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_told_in_one_line(
    call: Any, csv: Any, tmp_path: Path, args: list[str], message: str
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("wage,age\n1,2\n3\n")
    paths = {"csv": csv("wage", "school", "city"), "none": tmp_path / "none"}
    paths |= {"bad": bad}
    before = sorted(tmp_path.iterdir())
    done = call("regress", *(arg.format(**paths) for arg in args))
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("nnaccel: ")
    assert message in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_another_reference(call: Any, csv: Any, people: dict[str, Any]) -> None:
    path = csv(**people)
    done = call("regress", path, "--target", "member", "--reference", "yes")
    assert "Log-odds of no against yes:" in done.stdout
    for target, name, told in (
        ("member", "maybe", "unknown class 'maybe': choose one of 'no', 'yes'"),
        ("wage", "yes", "--reference is for classes"),
    ):
        done = call("regress", path, "--target", target, "--reference", name)
        assert done.returncode == 2
        assert told in done.stderr
