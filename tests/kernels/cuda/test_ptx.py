"""The CUDA kernels compile and link for every architecture, without register spills."""

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


HOT = "--only", "conv2d", "im2col", "col2im", "pool"
HOT_KERNELS = {"conv2d_relu", "conv2d_gelu", "im2col", "col2im", "max_pool2d_backward"}
IMAGES = "--only", *IMAGE_CALLS
OTHERS = "--only", *(set(CALLS) - set(IMAGE_CALLS))

#: Dtype, order, architecture and functions; and kernels that must be among what is compiled.
COMPILED = {
    "images for sm_80": (("float32", "NCHW", "sm_80", *IMAGES), HOT_KERNELS | {"normalise"}),
    "others for sm_80": (("float32", "NCHW", "sm_80", *OTHERS), {"adam", "softmax"}),
    "hot ones for sm_75": (("float32", "NCHW", "sm_75", *HOT), HOT_KERNELS),
    "hot ones of 16 bits": (("bfloat16", "NCHW", "sm_90", *HOT), HOT_KERNELS),
    "products of float64": (("float64", "NHWC", "sm_80", "--only", "conv2d"), {"conv2d_relu"}),
}


@pytest.mark.parametrize("case", COMPILED)
def test_kernels_compile_and_stay_in_registers(case: str) -> None:
    """Neither spills nor arrays that are indexed at run time."""
    (dtype, layout, architecture, *only), least = COMPILED[case]
    options = "--dtype", dtype, "--layout", layout, "--sm", architecture, *only
    done = python("-m", "benchmarks.gpu.ptx", "--json", *options)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert least <= {row["kernel"] for row in rows}
    assert not [row for row in rows if row["spilled"] or row["local"]]
    adam = [row["instructions"] for row in rows if row["kernel"] == "adam"]
    assert all(count < 400 for count in adam), "powers are taken once a step"
    assert all(row["cubin"] for row in rows) or not has("cuda.bindings.nvjitlink")
