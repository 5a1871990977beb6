"""What README and the site say is so: programs run, tables are whole, links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import nnaccel

from .processes import ROOT

DOCS = ROOT / "docs"
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
TEXTS += sorted(DOCS.glob("guides/*.md"))
PROGRAMS = [path for path in TEXTS[2:] if "```python" in path.read_text("utf-8")]
PROGRAMS.remove(DOCS / "coming-from.md")  # whose program begins each of its tables


def blocks(path: Path) -> list[str]:
    """The programs of a page, but for those that need a package that is not here."""
    found = re.findall(r"```python\n(.*?)```", path.read_text("utf-8"), re.DOTALL)
    return [b for b in found if all(map(find_spec, re.findall(r"^import (\w+)$", b, re.M)))]


def run(path: Path) -> dict[str, Any]:
    """Run the programs of a page in order; what they defined."""
    names: dict[str, Any] = {}
    for program in blocks(path):
        exec(compile(program, str(path), "exec"), names)
    return names


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_the_programs_of_the_site(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with nnaccel.use_backend("numpy"):  # where nothing is compiled
        run(path)


def test_the_ladder_of_readme_runs_without_a_warning() -> None:
    (ladder,) = (block for block in blocks(ROOT / "README.md") if "LogisticRegression()" in block)
    x, y = nnaccel.data.digits()[0]
    model = nnaccel.Sequential([nnaccel.Dense(8, "relu"), nnaccel.Dense(10, "softmax")], seed=0)
    model.build(x.shape[1:])
    with nnaccel.use_backend("numpy"):
        exec(ladder, {"nn": nnaccel, "model": model, "x": x, "y": y})


def rows() -> list[tuple[str, str]]:
    """Library and program of each line of the tables of translations."""
    found, library = [], ""
    for line in (DOCS / "coming-from.md").read_text("utf-8").splitlines():
        library = line.removeprefix("## ") if line.startswith("## ") else library
        cell = re.fullmatch(r"\| .* \| `(.*)` \|", line)
        if cell:
            found.append((library, cell[1]))
    return found


def test_each_line_of_the_translations_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    translations = rows()
    assert {library for library, _ in translations} == {"Keras", "PyTorch", "scikit-learn", "R"}
    with nnaccel.use_backend("numpy"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)  # that more steps would help
        of_library: dict[str, dict[str, Any]] = {}
        for library, program in translations:
            if library not in of_library:
                of_library[library] = run(DOCS / "coming-from.md")
            try:
                exec(program, of_library[library])
            except Exception as error:
                error.add_note(f"{library}: {program}")
                raise


def test_every_setting_is_in_one_table() -> None:
    sources = (path for room in ("nnaccel", "kernels") for path in (ROOT / room).rglob("*.py"))
    read = {
        name for path in sources for name in re.findall(r"\bNNACCEL_\w+", path.read_text("utf-8"))
    }
    readme = (ROOT / "README.md").read_text("utf-8")
    table = readme.partition("### Settings")[2].partition("\n#")[0]
    told = set(re.findall(r"^\| `(NNACCEL_\w+)` \|", table, re.M))
    assert {name for name in read if not name.endswith("_")} == told


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_links_lead_somewhere(path: Path) -> None:
    made = DOCS / "ladder", DOCS / "reference"  # by the build
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
        target = (path.parent / link).resolve()
        assert target.exists() or target.parent in made or "://" in link, link


def test_the_reference_has_every_public_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    import reference  # type: ignore[import-not-found]

    pages = reference.pages()
    text = "\n".join(pages.values())
    modules = set(reference.modules())
    for name in set(nnaccel.__all__) - modules - {"xp", "Backward", "Shape"}:
        assert re.search(rf"\.{name}$", text, re.M), name
    assert {"losses", "metrics", "optim", "ops", "estimators", "plot", "data"} <= modules
    assert "nnaccel.losses.Huber" in text


def test_nothing_is_to_be_had_from_an_index_that_does_not_have_it() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    offered = re.compile(r"pip install ['\"]?nnaccel")
    for name in listed.stdout.splitlines():
        path = ROOT / name
        assert path == Path(__file__) or not offered.search(path.read_text("utf-8")), name
