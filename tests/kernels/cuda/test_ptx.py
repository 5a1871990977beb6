"""The CUDA kernels compile for every architecture, without register spills."""

from __future__ import annotations

import importlib.util
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ...processes import python


def has(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # not even its parent
        return False


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (has("nvidia.cuda_nvcc") and has("nvidia.cuda_runtime")),
        reason="needs the wheels nvidia-cuda-nvcc-cu12 and nvidia-cuda-runtime-cu12",
    ),
]


def compiled(options: tuple[str, ...]) -> list[dict[str, Any]]:
    """The rows of benchmarks/gpu/ptx.py."""
    done = python("-m", "benchmarks.gpu.ptx", "--json", *options)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


@pytest.fixture(scope="module")
def kernels() -> list[dict[str, Any]]:
    """All kernels for one architecture; the hot ones for the others, and for bfloat16."""
    options = "--dtype", "float32", "--layout", "NCHW"
    hot = "--only", "conv2d", "im2col", "col2im", "pool"
    halves = "--dtype", "bfloat16", "--layout", "NCHW"
    with ThreadPoolExecutor(2) as pool:
        rows = pool.map(
            compiled,
            [
                (*options, "--sm", "sm_80"),
                (*options, "--sm", "sm_75", "sm_90", *hot),
                (*halves, "--sm", "sm_90", *hot),
            ],
        )
    return [row for some in rows for row in some]


def outside_registers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Kernels with spills, or with a local array in memory."""
    return [row for row in rows if row["spilled"] or row["local"]]


def test_kernels_compile_for_every_architecture(kernels: list[dict[str, Any]]) -> None:
    older, usual, newest = (
        {row["kernel"] for row in kernels if row["sm"] == sm} for sm in ("sm_75", "sm_80", "sm_90")
    )
    assert older == newest
    assert older < usual
    assert {"conv2d_relu", "conv2d_gelu", "im2col", "col2im", "max_pool2d_backward"} <= older


def test_kernels_stay_in_registers(kernels: list[dict[str, Any]]) -> None:
    assert not outside_registers(kernels)


def test_products_of_float64_stay_in_registers() -> None:
    options = "--dtype", "float64", "--layout", "NHWC", "--sm", "sm_80", "--only", "conv2d"
    assert not outside_registers(compiled(options))


def test_two_blocks_of_a_product_fit_on_a_multiprocessor(kernels: list[dict[str, Any]]) -> None:
    products = [row for row in kernels if row["kernel"].startswith("conv2d")]
    assert products
    assert all(2 * 128 * row["registers"] <= 65_536 for row in products)
