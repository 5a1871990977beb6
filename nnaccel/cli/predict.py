"""`nnaccel predict`: which digit a picture shows."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from nnaccel.cli._common import (
    backend_option,
    choose_backend,
    debug_option,
    json_option,
    print_json,
)

if TYPE_CHECKING:
    from nnaccel.cli._saved import Saved

_EIGHTHS = " ▏▎▍▌▋▊▉"
_BAR = 30


@click.command("predict", short_help="Tell which digit a picture shows.")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument(
    "images", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IMAGE…"
)
@backend_option
@json_option
@debug_option
def predict_command(
    model: Path, images: tuple[Path, ...], backend: str | None, as_json: bool
) -> None:
    """Tell which digit each IMAGE shows, by MODEL, a file that `train --save` wrote.

    An IMAGE is a PNG or JPEG of one digit, drawn or photographed, dark on light or light on dark.
    """
    from nnaccel.cli._saved import Saved
    from nnaccel.data.pictures import load_image

    choose_backend(backend)
    saved = Saved.read(model)
    rows, columns = _picture_size(saved, model)
    x = np.stack([load_image(path, (rows, columns)) for path in images])
    probabilities = saved.model.predict(x.reshape(len(x), *saved.model.input_shape))
    answers = [_as_json(*row, saved.names()) for row in zip(images, probabilities, strict=True)]
    if as_json:
        print_json(answers)
    else:
        click.echo("\n\n".join(map(_as_text, answers)))


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
