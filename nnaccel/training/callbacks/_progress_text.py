"""The text of a progress bar, and of an epoch's line, in a width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def fit(
    label: str,
    logs: Mapping[str, float],
    rate: str,
    others: Sequence[str] = (),
    width: int | None = None,
) -> str:
    """Return label, numbers, rate and others on one line of at most `width` columns.

    Where that is too narrow, metrics of the validation go without their names, in the order of the
    training's; then the rate is left out, then the others, then numbers from the end, which an
    ellipsis tells of.

    Examples
    --------
    >>> logs = {"loss": 0.5, "accuracy": 0.75, "val_loss": 0.625, "val_accuracy": 0.5}
    >>> fit("epoch 1/9", logs, "1,234 images/s", ["0.12 s"], 80)
    'epoch 1/9  loss 0.5000  accuracy 0.7500  val 0.6250 0.5000  1,234/s  0.12 s'
    >>> fit("epoch 1/9", logs, "1,234 images/s", ["0.12 s"], 40)
    'epoch 1/9  loss 0.5000  accuracy 0.7500…'
    """
    full, brief = _numbers(logs), _briefly(logs)
    rows = [
        [*full, rate, *others],
        [*brief, rate.replace(" images", ""), *others],
        [*brief, *others],
        *(brief[:count] for count in range(len(brief), -1, -1)),
    ]
    for i, row in enumerate(rows):
        line = "  ".join(filter(None, [label, *row])) + "…" * (i > 3)
        if width is None or len(line) <= width:
            return line
    return label[:width]


def duration(seconds: float) -> str:
    """Return a time as people write it.

    Examples
    --------
    >>> duration(7.9), duration(125), duration(7384)
    ('0:08', '2:05', '2:03:04')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _numbers(logs: Mapping[str, float]) -> list[str]:
    return [f"{name} {short(value)}" for name, value in logs.items()]


def _briefly(logs: Mapping[str, float]) -> list[str]:
    """Numbers of the validation as one entry, if they are those of the training in its order."""
    of_training = [name for name in logs if not name.startswith("val_")]
    of_validation = [name for name in logs if name.startswith("val_")]
    pairs = zip(of_training, of_validation, strict=False)
    if not of_validation or any(f"val_{a}" != b for a, b in pairs):
        return _numbers(logs)
    count = len(of_validation)
    values = " ".join(short(logs[name]) for name in of_validation)
    named = [f"{name} {short(logs[name])}" for name in of_training]
    return [*named[:count], f"val {values}", *named[count:]]


def short(value: float) -> str:
    """Number with four decimals, or three digits if it is below 0.001."""
    return f"{value:.4f}" if value == 0 or abs(value) >= 1e-3 else f"{value:.2e}"
