"""What is timed, and when it is not."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.gpu.timing import medians, require_close
from nnaccel.bench.problem import DisagreementError


def test_results_that_are_off_or_not_numbers_are_refused() -> None:
    assert require_close("y", [1.0, 2.0], [1.0, 2.0]) == 0
    with pytest.raises(DisagreementError, match="y is off by nan"):
        require_close("y", [1.0, np.nan], [1.0, 2.0])
    with pytest.raises(DisagreementError, match=r"y is off by .*; at most 0\.001 was expected"):
        require_close("y", [1.0, 2.1], [1.0, 2.0])
    with pytest.raises(DisagreementError, match="shape"):
        require_close("y", [1.0], [1.0, 2.0])


def test_short_work_is_called_often_enough_to_be_timed() -> None:
    asked: list[int] = []

    def run(calls: int) -> float:
        asked.append(calls)
        return 4.0

    assert medians({"a": run}, turns=2) == {"a": 4.0}
    assert asked == [3, 1, 5, 5]
