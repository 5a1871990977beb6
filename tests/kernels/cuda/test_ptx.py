"""The CUDA kernels compile and link for the oldest architecture, without register spills.

`emulated/conftest.py` looks at all that it runs, compiled for sm_90, in the same way.
"""

from __future__ import annotations

import json

import pytest

from nnaccel.conformance.calls import CALLS
from nnaccel.conformance.image_calls import IMAGE_CALLS

from ...processes import python
from .wheels import LIBNVVM, WITHOUT_LIBNVVM, has

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not LIBNVVM,
        reason=WITHOUT_LIBNVVM,
    ),
]


IMAGES = "--only", *IMAGE_CALLS
OTHERS = "--only", *(set(CALLS) - set(IMAGE_CALLS))
SOME_IMAGES = {"conv2d_relu", "conv2d_gelu", "im2col", "col2im", "max_pool2d_backward", "normalise"}

#: Dtype and functions; and kernels that must be among what is compiled.
COMPILED = {
    "images": (("float32", *IMAGES), SOME_IMAGES),
    "others": (("bfloat16", *OTHERS), {"adam", "softmax"}),
}


@pytest.mark.parametrize("case", COMPILED)
def test_kernels_compile_and_stay_in_registers(case: str) -> None:
    """Neither spills nor arrays that are indexed at run time."""
    (dtype, *only), least = COMPILED[case]
    options = "--dtype", dtype, "--layout", "NCHW", "--sm", "sm_75", *only
    done = python("-m", "benchmarks.gpu.ptx", "--json", *options)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert least <= {row["kernel"] for row in rows}
    assert not [row for row in rows if row["spilled"] or row["local"]]
    adam = [row["instructions"] for row in rows if row["kernel"] == "adam"]
    assert all(count < 400 for count in adam), "powers are taken once a step"
    assert all(row["cubin"] for row in rows) or not has("cuda.bindings.nvjitlink")
