"""`nnaccel regress`: the table of a regression on the columns of a CSV file."""

from __future__ import annotations

from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnaccel.cli import _outputs
from nnaccel.cli._common import (
    backend_option,
    choose_backend,
    debug_option,
    decimal_option,
    drop_option,
    echo,
    json_option,
    keep_index_option,
    print_json,
    shown_warnings,
    text_option,
)
from nnaccel.cli._regression import FAMILIES, Regression, choose_family

if TYPE_CHECKING:
    from nnaccel.data import Design

_EXAMPLES = """\b
Examples:
  nnaccel regress wages.csv --target wage
  nnaccel regress wages.csv --target wage --drop name --drop city --plot fit.png
  nnaccel regress grades.csv --target admitted --text year --json
"""


@click.command("regress", epilog=_EXAMPLES, short_help="Explain a column of a CSV file by others.")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--target", required=True, metavar="COLUMN", help="Column to explain.")
@click.option(
    "--family",
    type=click.Choice(list(FAMILIES)),
    help="Kind of regression.  [default: what suits the target]",
)
@drop_option
@text_option
@decimal_option
@keep_index_option
@click.option(
    "--reference", metavar="CLASS", help="Hold the other classes against it.  [default: the first]"
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PNG",
    help="Draw the line, the boundary, or how well it fits.",
)
@backend_option
@json_option
@debug_option
def regress_command(
    data: Path,
    target: str,
    family: str | None,
    drop: tuple[str, ...],
    text: tuple[str, ...],
    decimal: str | None,
    keep_index: bool,
    reference: str | None,
    plot: Path | None,
    backend: str | None,
    as_json: bool,
) -> None:
    """Fit a regression to DATA, a CSV file with a header, and print its table as R does.

    All columns but the target explain it: numbers as they are, text by an indicator for each of its
    levels but the first. Rows with missing cells are left out, and a first column without a name,
    or called "Unnamed: 0". A number is explained by linear regression, two classes by logistic,
    more by softmax regression.
    """
    from nnaccel.data import read_design

    _outputs.check(None, plot)
    choose_backend(backend)
    with shown_warnings():
        design = read_design(
            data, target, drop=drop, text=text, decimal=decimal, keep_index=keep_index
        )
    reason = "asked for"
    if family is None:
        family, reason = choose_family(design)
    regression = Regression.fit(design, family, reference)
    if as_json:
        print_json(_facts(data, regression))
    else:
        echo(_describe(data, design))
        echo(f"{family} regression: {reason}\n\n{regression.summary}")
    if plot is not None:
        from nnaccel.plot import save

        save(regression.draw(), plot)
        if not as_json:
            echo(f"\ndrawn in {plot}")


def _describe(data: Path, design: Design) -> str:
    """Say on one line what the file gave."""
    parts = [
        f"{_count(len(design.y), 'row')} of {data}, {_count(design.variables, 'column')} to "
        f"explain {design.target!r} by"
    ]
    parts += design.notes
    if design.dropped:
        parts.append(f"{_count(design.dropped, 'row')} with missing values left out")
    if design.dropped > len(design.y):
        name, cells = max(design.missing.items(), key=itemgetter(1))
        parts.append(f"{name} lacks most, {_count(cells, 'value')}")
    if design.text:
        encoded = [f"{text.name} (reference {text.reference!r})" for text in design.text]
        parts.append(f"text: {', '.join(encoded)}")
    for text in design.constant:
        parts.append(f"{text.name} is {text.reference!r} in every row and left out")
    return "; ".join(parts)


def _count(number: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _facts(data: Path, regression: Regression) -> dict[str, Any]:
    """The same as numbers."""
    design = regression.design
    return {
        "data": str(data),
        "target": design.target,
        "rows": len(design.y),
        "row_names": bool(design.index),
        "dropped": design.dropped,
        "missing": dict(design.missing),
        "features": list(design.feature_names),
        "text": {text.name: list(text.levels) for text in design.text},
        "family": regression.family,
        **regression.summary.as_dict(),
    }
