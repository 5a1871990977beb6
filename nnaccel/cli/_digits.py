"""Answers of `nnaccel predict` for pictures: which digit, or that it is not sure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from nnaccel._text import escaped
from nnaccel.cli._progress import progress

if TYPE_CHECKING:
    from nnaccel.cli._saved import Saved

NOT_FINITE = "what the model gives is not finite"
_EIGHTHS = " ▏▎▍▌▋▊▉"
_BAR = 30
#: The second-best class is close to the best if it is at least so many times as probable.
_CLOSE = 0.5


def read_pictures(saved: Saved, model: Path, paths: Sequence[Path]) -> tuple[list[Any], list[str]]:
    """Answers for the pictures that can be read, and what is wrong with the others.

    `ImageError` if none can.
    """
    from nnaccel.data.pictures import ImageError, read_digit

    size = _picture_size(saved, model)
    read, digits, faults = [], [], []
    with progress(len(paths)) as show:
        for path in paths:
            show(path.name)
            try:
                digits.append(read_digit(path, size))
                read.append(path)
            except ImageError as error:
                faults.append(str(error))
    if not digits:
        raise ImageError("; ".join(faults))
    x: NDArray[Any] = np.stack([digit.image for digit in digits])
    if saved.scaling is not None:
        x = saved.scaling.inputs(x)
    probabilities = saved.shares(x.reshape(len(x), *saved.model.input_shape))
    return [
        _answer(path, shares, digit.doubt, saved.names())
        for path, shares, digit in zip(read, probabilities, digits, strict=True)
    ], faults


def as_text(answer: dict[str, Any]) -> str:
    """Lay the answer out as a bar chart, a line for each class."""
    shares = {escaped(name): share for name, share in answer["probabilities"].items()}
    width = max(map(len, shares))
    told = answer["prediction"]
    if not answer["candidates"]:
        return f"{answer['image']}: no prediction, since {answer['doubt']}"
    if told is None:
        told = f"not sure, {' or '.join(answer['candidates'])}: {answer['doubt']}"
    lines = [f"{answer['image']}: {told}"]
    for name, share in shares.items():
        lines.append(f"  {name:>{width}}  {_bar(share):<{_BAR}} {share:6.1%}")
    return "\n".join(lines)


def are_close(best: float, second: float) -> bool:
    """Whether two classes are too close to choose the more probable one."""
    return second >= _CLOSE * best


def _answer(image: Path, shares: Any, doubt: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Answer for one picture; no prediction where there is a doubt."""
    first, second = (int(at) for at in np.argsort(-shares, kind="stable")[:2])
    is_finite = bool(np.isfinite(shares).all())
    if not is_finite:
        doubt = NOT_FINITE
    elif not doubt and are_close(shares[first], shares[second]):
        doubt = "they are close"
    return {
        "image": str(image),
        "prediction": None if doubt else names[first],
        "candidates": [names[first], names[second]] if is_finite else [],
        "doubt": doubt,
        "probabilities": dict(zip(names, (round(float(p), 6) for p in shares), strict=True)),
    }


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


def _bar(share: float) -> str:
    """Bar of up to `_BAR` cells, to an eighth of a cell."""
    full, rest = divmod(round(share * _BAR * 8), 8)
    return ("█" * full + _EIGHTHS[rest]).rstrip()
