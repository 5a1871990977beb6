"""Numbers with the digits that R prints: as few as show each of them to so many digits.

The rules are those of R's `format`, `format.pval` and `printCoefmat`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

#: What R calls `.Machine$double.eps`; smaller p-values are not told apart.
EPSILON = 2.0**-52


def numbers(values: Iterable[float], digits: int) -> list[str]:
    """Return numbers with common decimals, enough for `digits` digits of the smallest one.

    Examples
    --------
    >>> numbers([-17.579095, 6.758440, 3.932409, 0.415513], 4)
    ['-17.5791', '6.7584', '3.9324', '0.4155']
    >>> numbers([123456.0, 0.00012345], 4)
    ['1.235e+05', '1.234e-04']
    """
    values = [float(value) for value in values]
    finite = [value for value in values if math.isfinite(value)]
    parts = [_significant(value, digits) for value in finite]
    most = max((count for count, _ in parts), default=1)
    decimals = max((max(0, count - 1 - power) for count, power in parts), default=0)
    left = max((max(0, power) + 1 for _, power in parts), default=1)
    power_width = 5 if any(abs(power) >= 100 for _, power in parts) else 4
    fixed_width = left + (decimals + 1 if decimals else 0)
    is_fixed = fixed_width <= most + (most > 1) + power_width
    form = f".{decimals}f" if is_fixed else f".{most - 1}e"
    return [_shown(value, form) for value in values]


def coefficients(
    estimate: Iterable[float], std_error: Iterable[float], digits: int = 4
) -> tuple[list[str], list[str]]:
    """Return estimates and standard errors with the same decimals."""
    estimate = list(estimate)
    both = [*estimate, *std_error]
    sizes = [abs(value) for value in both if math.isfinite(value) and value]
    decimals = digits - 1 - math.floor(math.log10(min(sizes))) if sizes else digits
    rounded = _rounded(both, max(1, decimals))
    cells = numbers(rounded, digits)
    return cells[: len(estimate)], cells[len(estimate) :]


def statistics(values: Iterable[float], digits: int = 4) -> list[str]:
    """Return statistics with at most `digits` - 1 decimals."""
    return numbers(_rounded(values, max(1, min(5, digits - 1))), digits)


def p_values(values: Iterable[float], digits: int = 3) -> list[str]:
    """Return p-values; those below `EPSILON` as less than that.

    Examples
    --------
    >>> p_values([0.0123188, 1.489836e-12])
    ['0.0123', '1.49e-12']
    >>> p_values([1e-20], 4)
    ['< 2.2e-16']
    """
    values = list(values)
    cells = ["NA"] * len(values)
    told = [i for i, p in enumerate(values) if p >= EPSILON]
    for group in (
        [i for i in told if values[i] >= 1e-3],
        [i for i in told if values[i] < 1e-3],
    ):
        for i, cell in zip(group, numbers([values[i] for i in group], digits), strict=True):
            cells[i] = cell
    few = max(1, digits - 2)
    width = max((len(cells[i]) for i in told), default=0)
    if told and few > 1 and few + 6 > width:
        few = max(1, width - 7)
    space = "" if few == 1 and width <= 6 else " "
    for i, p in enumerate(values):
        if p < EPSILON:
            cells[i] = f"<{space}{EPSILON:.{few - 1}e}"
    return cells


def _significant(value: float, digits: int) -> tuple[int, int]:
    """Return how many of a number's first `digits` digits it takes to show, and its power of 10."""
    mantissa, _, power = f"{abs(value):.{digits - 1}e}".partition("e")
    return max(1, len(mantissa.replace(".", "").rstrip("0"))), int(power)


def _rounded(values: Iterable[float], decimals: int) -> list[float]:
    return [round(float(v), decimals) if math.isfinite(v) else float(v) for v in values]


def _shown(value: float, form: str) -> str:
    if math.isfinite(value):
        return format(value + 0.0, form)
    return "NA" if math.isnan(value) else "Inf" if value > 0 else "-Inf"
