"""`nnaccel predict`: which digit a picture shows, or what the label of a table's rows is."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from nnaccel.cli._common import (
    backend_option,
    choose_backend,
    debug_option,
    decimal_option,
    header_option,
    json_option,
    print_json,
    shown_warnings,
)

if TYPE_CHECKING:
    from nnaccel.cli._saved import Saved
    from nnaccel.data import Schema

_EIGHTHS = " ▏▎▍▌▋▊▉"
_BAR = 30


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
) -> None:
    """Tell which digit each IMAGE shows, by MODEL, a file that `train --save` wrote.

    An IMAGE is a PNG or JPEG of one digit, drawn or photographed, dark on light or light on dark.
    For a model of a table it is a .csv file, whose columns are taken by the names they had in
    training, in whatever order they are; it need not have the label.
    """
    from nnaccel.cli._saved import Saved
    from nnaccel.data.pictures import load_image

    choose_backend(backend)
    saved = Saved.read(model)
    if saved.schema is not None:
        rows = [row for path in images for row in _rows(saved, saved.schema, path, header, decimal)]
        print_json(rows) if as_json else click.echo("\n".join(map(_row_as_text, rows)))
        return
    size = _picture_size(saved, model)
    x: NDArray[Any] = np.stack([load_image(path, size) for path in images])
    if saved.scaling is not None:
        x = saved.scaling.inputs(x)
    probabilities = saved.shares(x.reshape(len(x), *saved.model.input_shape))
    answers = [_as_json(*row, saved.names()) for row in zip(images, probabilities, strict=True)]
    if as_json:
        print_json(answers)
    else:
        click.echo("\n\n".join(map(_as_text, answers)))


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
    found = saved.shares(x) if has_classes else saved.model.predict(x)
    for row, outputs in zip(table.lines, found, strict=True):
        if has_classes:
            shares = dict(zip(saved.names(), (round(float(p), 6) for p in outputs), strict=True))
            answers[row] = {"prediction": max(shares, key=shares.__getitem__),
                            "probabilities": shares}  # fmt: skip
        else:
            value = outputs if saved.scaling is None else saved.scaling.unscaled(outputs)
            answers[row] = {"prediction": float(value[0])}
    return [{"file": str(path), "row": row, **answers[row]} for row in sorted(answers)]


def _row_as_text(answer: dict[str, Any]) -> str:
    """The answer for a row on one line."""
    predicted = answer["prediction"]
    if predicted is None:
        text = "no prediction, since a value is missing"
    elif "probabilities" in answer:
        text = f"{predicted}  {answer['probabilities'][predicted]:.1%}"
    else:
        text = f"{predicted:.6g}"
    return f"{answer['file']}: row {answer['row']}: {text}"


def _picture_size(saved: Saved, path: Path) -> tuple[int, int]:
    """Rows and columns of the pictures that the model takes; flat ones are taken as squares."""
    shape, outputs = saved.model.input_shape, saved.model.output_shape
    side = math.isqrt(math.prod(shape))
    is_flat = len(shape) == 1 and side >= 8 and side * side == shape[0]
    is_grey = len(shape) >= 2 and math.prod(shape[:-2]) == 1
    if not (is_flat or is_grey) or len(outputs) != 1 or outputs[0] < 2:
        what = " × ".join(map(str, shape))
        raise click.UsageError(f"{path} is no model of pictures: it takes {what} numbers")
    return (side, side) if is_flat else (shape[-2], shape[-1])


def _as_json(image: Path, probabilities: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Answer for one picture."""
    shares = [round(float(p), 6) for p in probabilities]
    return {
        "image": str(image),
        "prediction": names[int(np.argmax(probabilities))],
        "probabilities": dict(zip(names, shares, strict=True)),
    }


def _as_text(answer: dict[str, Any]) -> str:
    """Lay the answer out as a bar chart, a line for each class."""
    width = max(map(len, answer["probabilities"]))
    lines = [f"{answer['image']}: {answer['prediction']}"]
    for name, share in answer["probabilities"].items():
        lines.append(f"  {name:>{width}}  {_bar(share):<{_BAR}} {share:6.1%}")
    return "\n".join(lines)


def _bar(share: float) -> str:
    """Bar of up to `_BAR` cells, to an eighth of a cell."""
    full, rest = divmod(round(share * _BAR * 8), 8)
    return ("█" * full + _EIGHTHS[rest]).rstrip()
