"""Whether the first row of a table is its header: told by the rows below, or asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnaccel.data import DataError, load

RNG = np.random.default_rng(0)
FLOATS = [f"{a:.2f},{b:.2f}" for a, b in RNG.normal(size=(20, 2))]
SALES = [f"{a},{b},{c}" for a, b, c in RNG.integers(1900, 2100, (20, 3))]
VOTES = [",".join(row) for row in RNG.choice(["y", "n"], (30, 4))]


def table(folder: Path, first: str, rows: list[str], separator: str = ",") -> Path:
    """Write a table."""
    path = folder / "a.csv"
    path.write_text("\n".join([first, *rows]).replace(",", separator), "utf-8")
    return path


def labelled(rows: list[str]) -> list[str]:
    """Put a label of text behind each row."""
    return [f"{row},{'ab'[i % 2]}" for i, row in enumerate(rows)]


FLAGS = [f"{row},{i % 2}" for i, row in enumerate(FLOATS)]

NAMES = {
    "words over numbers": ("u,v,kind", labelled(FLOATS)),
    "a number among words": ("u,2020,kind", labelled(FLOATS)),
    "numbers and a word over numbers": ("2019,2020,kind", FLAGS),
    "numbers and a known label": ("2019,2020,label", labelled(FLOATS)),
    "words over words": ("p,q,r,kind", VOTES),
    "a column called like a level": ("a,v,kind", [f"{'ab'[i % 2]},{i},{i % 2}" for i in range(9)]),
}


@pytest.mark.parametrize("case", NAMES)
def test_a_header(tmp_path: Path, case: str) -> None:
    first, rows = NAMES[case]
    dataset = load(table(tmp_path, first, rows), test_fraction=0)
    assert len(dataset.y) == len(rows)
    assert dataset.schema is not None
    assert dataset.schema.label == first.split(",")[-1]


DATA = {
    "numbers": (FLOATS[0], FLOATS[1:]),
    "numbers and a class": (FLOATS[0] + ",a", labelled(FLOATS[1:])),
    "numbers and the only row of its class": ("1.5,2,c", labelled(FLOATS)),
    "levels": (VOTES[0], VOTES[1:]),
    "rows that count on": ("1,2,3,4", ["5,6,7,8", "9,10,11,12", "13,14,15,16"]),
    "a trend": ("1,7,1", [f"{i},{7 * i},{i % 2}" for i in range(2, 30)]),
    "pixels": ("0,0,255,0,1", [f"0,{i},255,{i},{i % 2}" for i in range(20)]),
}


@pytest.mark.parametrize("case", DATA)
def test_no_header(tmp_path: Path, case: str) -> None:
    first, rows = DATA[case]
    dataset = load(table(tmp_path, first, rows), test_fraction=0)
    assert len(dataset.y) == len(rows) + 1
    assert "the first row is one of data" in " ".join(dataset.notes)


UNCLEAR = {
    "years and a word over classes": ("2019,2020,kind", labelled(FLOATS)),
    "years over numbers": ("2019,2020", FLOATS),
    "years over numbers like years": ("2019,2020,2021", SALES),
    "the names pandas gives": ("0,1,2", [f"{row},{i / 3:.3f}" for i, row in enumerate(FLOATS)]),
    "whole numbers over fractions": ("3,1", FLOATS),
    "a text that is missing from numbers": ("1.5,far,a", labelled(FLOATS)),
}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("case", UNCLEAR)
def test_what_may_be_either_is_asked_for(tmp_path: Path, case: str, separator: str) -> None:
    first, rows = UNCLEAR[case]
    path = table(tmp_path, first, rows, separator)
    with pytest.raises(DataError, match="may name the columns or be a row of data: say which with"):
        load(path)
    named = load(path, header=True, test_fraction=0)
    assert named.schema is not None
    assert (len(named.y), named.schema.label) == (len(rows), first.split(",")[-1])


def test_years_over_decimal_commas(tmp_path: Path) -> None:
    rows = [row.replace(",", ";").replace(".", ",") for row in FLOATS]
    (tmp_path / "a.csv").write_text("\n".join(["2019;2020", *rows]))
    with pytest.raises(DataError, match="which holds '2019', may name the columns"):
        load(tmp_path / "a.csv")
    assert len(load(tmp_path / "a.csv", header=False, test_fraction=0).y) == 21


def test_the_table_of_the_years_keeps_its_classes(tmp_path: Path) -> None:
    path = table(tmp_path, "2019,2020,kind", labelled(FLOATS))
    assert load(path, header=True).classes == ("a", "b")
    assert load(path, header=False).classes == ("a", "b", "kind")
