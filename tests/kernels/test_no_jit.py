"""The kernels are plain Python too: without the compiler they give the same results, slowly."""

from __future__ import annotations

import pytest

from nnaccel.conformance.image_calls import IMAGE_CALLS

from ..processes import python

TRAINING = """
import numpy as np
import nnaccel as nn

rng = np.random.default_rng(0)
x, y = rng.integers(0, 256, (20, 3, 3), dtype=np.uint8), rng.integers(0, 3, 20)
nn.set_backend("numba")
model = nn.Sequential([nn.Dense(5, "tanh"), nn.Dropout(0.2), nn.Dense(3, "softmax")], seed=0)
model.compile(optimizer=nn.optim.Adam(clipnorm=1.0), metrics=["accuracy"])
print(*model.fit(x, y, epochs=2, batch_size=8, verbose=0).history["loss"])
"""
IMAGES = """
import numpy as np
from nnaccel.backends import get_backend
from nnaccel.conformance.comparing import assert_same, run
from nnaccel.conformance.image_calls import IMAGE_CALLS

for name, draw in IMAGE_CALLS.items():
    args = draw(np.random.default_rng(0), 2, 7, np.float64)
    got, want = (run(get_backend(backend), name, args) for backend in ("numba", "numpy"))
    assert_same(got, want, np.float64)
    print(name)
"""
CONVOLUTIONS = """
import numpy as np
from nnaccel.backends import get_backend
from tests.kernels.images import assert_within
from tests.kernels.test_conv2d import DIRECTIONS, Convolution, three_by_three

conv = Convolution(three_by_three(1, 3, 5, 6), 4, 1, np.float64)
for direction in DIRECTIONS:
    for plan in conv.plans(get_backend("numba"), direction):
        got = conv.run(get_backend("numba"), direction, plan.algorithm)
        assert_within(got, conv.expected(direction), conv.bound(direction, plan.algorithm))
        print(direction, plan.algorithm)
"""


def output(program: str, **environment: str) -> list[str]:
    done = python("-c", program, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_training_without_the_compiler() -> None:
    plain, compiled = output(TRAINING, NUMBA_DISABLE_JIT="1"), output(TRAINING)
    assert [float(loss) for loss in plain] == pytest.approx(
        [float(loss) for loss in compiled], 1e-5
    )


def test_kernels_for_images_without_the_compiler() -> None:
    assert output(IMAGES, NUMBA_DISABLE_JIT="1") == list(IMAGE_CALLS)


def test_every_algorithm_of_a_convolution_without_the_compiler() -> None:
    tried = output(CONVOLUTIONS, NUMBA_DISABLE_JIT="1")
    assert {"forward", "input_gradient", "weight_gradient", "winograd", "gemm-planes"} <= set(tried)
