"""`nnaccel predict`: which digit a picture shows, or what the label of a table's rows is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from nnaccel._text import escaped
from nnaccel.cli._common import (
    backend_option,
    choose_backend,
    debug_option,
    decimal_option,
    echo,
    header_option,
    json_option,
    print_json,
    shown_warnings,
)
from nnaccel.cli._progress import progress

if TYPE_CHECKING:
    from nnaccel.cli._saved import Saved
    from nnaccel.data import Schema


@click.command("predict", short_help="Tell which digit a picture shows, or a table's labels.")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument(
    "images", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IMAGE…"
)
@header_option
@decimal_option
@backend_option
@json_option
@debug_option
def predict_command(
    model: Path,
    images: tuple[Path, ...],
    header: bool | None,
    decimal: str | None,
    backend: str | None,
    as_json: bool,
) -> int:
    """Tell which digit each IMAGE shows, by MODEL, a file that `train --save` or `export` wrote.

    An IMAGE is a PNG or JPEG of one digit, drawn or photographed, dark on light or light on dark.
    Shadows, specks, ruled lines and whatever touches the border of the picture are left out. The
    answer is "not sure", with the two best classes, where the second is at least half as probable
    as the first, or where the picture is unlike one of a digit.

    For a model of a table it is a .csv file, whose columns are taken by the names they had in
    training, in whatever order they are; it need not have the label.

    Exit status: 0 where each IMAGE is answered, "not sure" included; 1 where some cannot be read,
    which are named on stderr; 2 where none can.
    """
    from nnaccel.cli._digits import as_text, read_pictures
    from nnaccel.cli._saved import Saved

    choose_backend(backend)
    ctx = click.get_current_context()
    ctx.with_resource(np.errstate(all="ignore"))  # what overflows is shown as it is
    saved = Saved.read(model)
    if saved.schema is not None:
        rows = []
        with progress(len(images)) as show:
            for path in images:
                show(path.name)
                rows += _rows(saved, saved.schema, path, header, decimal)
        print_json(rows) if as_json else echo("\n".join(map(_row_as_text, rows)))
        return 0
    with shown_warnings():
        answers, faults = read_pictures(saved, model, images)
    print_json(answers) if as_json else echo("\n\n".join(map(as_text, answers)))
    for fault in faults:
        echo(f"nnaccel: {fault}", err=True)
    return 1 if faults else 0


def _rows(
    saved: Saved, schema: Schema, path: Path, header: bool | None, decimal: str | None
) -> list[dict[str, Any]]:
    """Answers for the rows of a table, by their lines in the file; none for one with a gap."""
    from nnaccel.data import read_inputs

    with shown_warnings():
        table = read_inputs(path, schema, header=header, decimal=decimal)
    x = table.x.astype(np.float32) if saved.scaling is None else saved.scaling.inputs(table.x)
    answers: dict[int, dict[str, Any]] = {row: {"prediction": None} for row in table.incomplete}
    has_classes = bool(saved.note.get("classes"))
    with shown_warnings():
        found = saved.shares(x) if has_classes else saved.model.predict(x)
    for row, outputs in zip(table.lines, found, strict=True):
        if has_classes:
            answers[row] = _choice(outputs, saved.names())
        else:
            value = outputs if saved.scaling is None else saved.scaling.unscaled(outputs)
            answers[row] = {"prediction": float(value[0])}
    return [{"file": str(path), "row": row, **answers[row]} for row in sorted(answers)]


def _row_as_text(answer: dict[str, Any]) -> str:
    """The answer for a row on one line."""
    from nnaccel.cli._digits import NOT_FINITE

    predicted = answer["prediction"]
    if predicted is None:
        missing = "a value is missing" if "probabilities" not in answer else NOT_FINITE
        text = f"no prediction, since {missing}"
    elif "probabilities" in answer:
        text = f"{escaped(predicted)}  {answer['probabilities'][predicted]:.1%}"
    else:
        text = f"{predicted:.6g}"
    return f"{answer['file']}: row {answer['row']}: {text}"


def _choice(probabilities: NDArray[Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The likeliest class, None if some numbers are none; and the probability of each."""
    shares = [round(float(p), 6) for p in probabilities]
    is_finite = bool(np.isfinite(probabilities).all())
    return {
        "prediction": names[int(np.argmax(probabilities))] if is_finite else None,
        "probabilities": dict(zip(names, shares, strict=True)),
    }
