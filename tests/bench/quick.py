"""Benchmarks that are run for what they say, not for their figures."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from nnaccel.bench import machine, timing


def hurry(patch: pytest.MonkeyPatch) -> None:
    """Measure the machine once only, and collect no garbage, of which tests have much."""
    best = machine._best_seconds
    patch.setattr(machine, "_best_seconds", lambda run, _repeats: best(run, 1))
    idle = dict.fromkeys(("collect", "freeze", "unfreeze"), lambda: None)
    patch.setattr(timing, "gc", SimpleNamespace(**idle))
