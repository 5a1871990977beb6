"""The CPU matrix products against NumPy, each thread's share run in turn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nnaccel_kernels.cpu.matmul import blocked, few_rows
from nnaccel_kernels.cpu.matmul.blocked import product_workspace
from nnaccel_kernels.cpu.matmul.matmul import block_of, matmul_nn, matmul_nt, matmul_tn
from nnaccel_kernels.cpu.matmul.panel import PANEL_ROWS
from nnaccel_kernels.cpu.matmul.product import STRIP_BYTES

GUARD = 32  # elements on either side of c that must not be written
PRODUCTS = {"nn": matmul_nn, "tn": matmul_tn, "nt": matmul_nt}

lengths = st.integers(0, 70)
sizes = st.sampled_from([1, 2, 3, 5])
seeds = st.integers(0, 2**32 - 1)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
products = pytest.mark.parametrize("name", PRODUCTS)


def workspace(a: np.ndarray, b: np.ndarray, size: int, blocks: bool) -> np.ndarray:
    """Workspace for a product in blocks, however small it is; or none."""
    if not blocks:
        return np.empty((size, 0), a.dtype)
    with pytest.MonkeyPatch.context() as patch:
        for limit in ("REREAD_BYTES", "B_BYTES", "FEW_STRIPS"):
            patch.setattr(blocked, limit, 0)
        patch.setattr(blocked, "FEW_ROWS", -1)
        work = product_workspace(*a.shape, b.shape[1], a.dtype, size)
    work[...] = np.nan
    return work


def multiply(
    name: str, a: np.ndarray, b: np.ndarray, size: int, blocks: bool = False
) -> np.ndarray:
    """The product a @ b, by `size` threads in turn, in the middle of a guarded buffer."""
    m, n = len(a), b.shape[1]
    work = workspace(a, b, size, blocks)
    buffer = np.full(m * n + 2 * GUARD, 7, a.dtype)
    c = buffer[GUARD : GUARD + m * n].reshape(m, n)
    c[...] = np.nan
    stored_a = np.ascontiguousarray(a.T) if name == "tn" else a
    stored_b = np.ascontiguousarray(b.T) if name == "nt" else b
    for rank in range(size):
        PRODUCTS[name](rank, size, stored_a, stored_b, c, work)
    assert (buffer[:GUARD] == 7).all()
    assert (buffer[GUARD + m * n :] == 7).all()
    return c


def draw(dtype: Any, m: int, k: int, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)


def assert_product(c: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """Within the rounding error that a sum of k products may have."""
    a, b, k = a.astype(np.float64), b.astype(np.float64), a.shape[1]
    bound = (k + 1) * np.finfo(c.dtype).eps * (np.abs(a) @ np.abs(b))
    assert (np.abs(c - a @ b) <= bound).all()


@products
@dtypes
@given(m=lengths, k=lengths, n=lengths, size=sizes, seed=seeds)
@example(m=1, k=1, n=1, size=3, seed=0)
@example(m=7, k=0, n=17, size=2, seed=0)
def test_product_is_numpys(
    name: str, dtype: Any, m: int, k: int, n: int, size: int, seed: int
) -> None:
    a, b = draw(dtype, m, k, n, seed)
    assert_product(multiply(name, a, b, size), a, b)


@products
@dtypes
@pytest.mark.parametrize("shape", [(10, 784, 100), (40, 300, 512), (130, 33, 10), (97, 600, 27)])
def test_does_not_depend_on_the_number_of_threads(
    name: str, dtype: Any, shape: tuple[int, int, int]
) -> None:
    a, b = draw(dtype, *shape)
    alone = multiply(name, a, b, 1)
    assert_product(alone, a, b)
    for size in (2, 3, 5):
        np.testing.assert_array_equal(multiply(name, a, b, size), alone)


def edges(dtype: Any) -> list[tuple[int, int, int]]:
    """(m, k, n) at and beside the ends of blocks, tiles and strips, and with a single row or so."""
    itemsize = np.dtype(dtype).itemsize
    tall, width = blocked.TALL_BYTES // itemsize, STRIP_BYTES // itemsize
    wide, narrow = width * blocked.WIDE, width * blocked.NARROW
    return [
        *((m, 19, 2 * width + 3) for m in (1, 5, 6, 7, tall - 1, tall, tall + 1, 2 * tall + 1)),
        *((7, k, width + 1) for k in (1, 2, 7, 9, PANEL_ROWS - 1, PANEL_ROWS, PANEL_ROWS + 1)),
        *((tall + 1, 3, n) for n in (1, width - 1, width + 1, wide - 1, wide, wide + 1)),
        *((9, PANEL_ROWS + 5, n) for n in (1, narrow - 1, narrow, narrow + 1, 2 * narrow + 9)),
        (1, 1, 1),
        (tall + 1, PANEL_ROWS + 1, wide + 1),
    ]


@products
@dtypes
def test_blocks_change_no_bit(name: str, dtype: Any) -> None:
    for shape in edges(dtype):
        a, b = draw(dtype, *shape)
        whole = multiply(name, a, b, 1)
        assert_product(whole, a, b)
        for size in (1, 2, 3):
            np.testing.assert_array_equal(
                multiply(name, a, b, size, blocks=True), whole, err_msg=f"{shape}, {size} threads"
            )


@products
@given(m=lengths, k=lengths, n=lengths, size=sizes, seed=seeds)
def test_small_blocks_change_no_bit(
    name: str, m: int, k: int, n: int, size: int, seed: int
) -> None:
    a, b = draw(np.float32, m, k, n, seed)
    whole = multiply(name, a, b, 1)
    np.testing.assert_array_equal(multiply(name, a, b, size, blocks=True), whole)


@dtypes
@pytest.mark.parametrize("m", [1, 2, 3, 8, few_rows.FEW_ROWS])
@pytest.mark.parametrize("n", [64, 71, 513])
def test_a_row_alone_has_the_bits_that_it_has_among_many(dtype: Any, m: int, n: int) -> None:
    """Few rows and a large b go another way, and no sum takes another order."""
    k = m * few_rows.BYTES_PER_ROW // (n * np.dtype(dtype).itemsize) + 3
    a, b = draw(dtype, few_rows.FEW_ROWS + 1, k, n)
    among_many = multiply("nn", a, b, 1)
    assert_product(among_many, a, b)
    for size in (1, 2, 3):
        np.testing.assert_array_equal(multiply("nn", a[:m], b, size), among_many[:m])


def test_large_products_are_taken_in_blocks() -> None:
    def is_blocked(m: int, k: int, n: int) -> bool:
        return product_workspace(m, k, n, np.dtype(np.float32), 2).size > 0

    assert is_blocked(10_000, 784, 512)
    assert is_blocked(1024, 1024, 1024)
    assert is_blocked(32, 4096, 4096)
    assert not is_blocked(128, 784, 512)
    assert not is_blocked(128, 128, 128)
    assert not is_blocked(1, 4096, 4096)


@given(m=lengths, n=lengths, size=st.integers(1, 9))
def test_blocks_cover_the_product_once(m: int, n: int, size: int) -> None:
    count = np.zeros((m, n), int)
    for rank in range(size):
        top, bottom, left, right = block_of(rank, size, m, n)
        count[top:bottom, left:right] += 1
    assert (count == 1).all()


@products
@pytest.mark.parametrize("blocks", [False, True])
def test_threads_at_once(name: str, blocks: bool) -> None:
    """Shares may run side by side: the same bits, many times over."""
    from concurrent.futures import ThreadPoolExecutor

    a, b = draw(np.float32, 48, 100, 90)
    want = multiply(name, a, b, 1)
    work = workspace(a, b, 4, blocks)
    c = np.empty_like(want)
    stored = (
        (np.ascontiguousarray(a.T) if name == "tn" else a),
        (np.ascontiguousarray(b.T) if name == "nt" else b),
    )
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            c[...] = 0
            list(pool.map(lambda rank: PRODUCTS[name](rank, 4, *stored, c, work), range(4)))
            np.testing.assert_array_equal(c, want)
