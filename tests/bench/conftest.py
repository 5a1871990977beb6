from __future__ import annotations

import pytest

from nnaccel.bench.images import synthetic
from nnaccel.bench.problem import Problem


@pytest.fixture
def problem() -> Problem:
    images = synthetic(rows=205, features=30)
    return Problem(images.x, images.y, hidden=(16, 12), batch_size=20)
