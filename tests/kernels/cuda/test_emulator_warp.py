"""What a warp computes together, copies to shared memory, and vectors, against NumPy."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from nnaccel_kernels.cuda.runtime.cubin import link

from .emulator.machine import COMPILER
from .emulator_ptx import kernel, run
from .wheels import has

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler: cc, or CC")

LANE = np.arange(32)
GROUP, MEMBER = LANE // 4, LANE % 4
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
HALVES = {"f16": np.dtype(np.float16), "bf16": BFLOAT16}


def registers(name: str, first: int, count: int) -> str:
    return "{" + ", ".join(f"%{name}{first + i}" for i in range(count)) + "}"


def multiplied(kind: str, k: int) -> str:
    """A kernel that loads a lane's words of a, b and c, and keeps its four of the product."""
    a, b = (k // 2, k // 4) if kind == "tf32" else (k // 4, k // 8)
    words = a + b + 4
    loads = "".join(f"ld.global.b32 %r{i}, [%a1+{4 * i}];\n" for i in range(words))
    moves = "".join(f"mov.b32 %f{i}, %r{a + b + i};\n" for i in range(4))
    operands = registers("f", 4, 4), registers("r", 0, a), registers("r", a, b)
    product = f"mma.sync.aligned.m16n8k{k}.row.col.f32.{kind}.{kind}.f32"
    return kernel(
        f"mad.wide.u32 %a1, %i, {4 * words}, %x; mad.wide.u32 %a2, %i, 16, %y;\n{loads}{moves}"
        f"{product} {', '.join(operands)}, {registers('f', 0, 4)};\n"
        f"st.global.v4.f32 [%a2], {registers('f', 4, 4)};"
    )


def fragments(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Words of each lane: its items of a (16, k), b (k, 8) and c (16, 8), as in the manual."""
    if a.dtype == np.float32:
        columns = [MEMBER + 4 * part for part in range(a.shape[1] // 4)]
    else:
        pair = np.stack([2 * MEMBER, 2 * MEMBER + 1], 1)
        columns = [pair + 8 * part for part in range(a.shape[1] // 8)]
    rows = GROUP if a.dtype == np.float32 else GROUP[:, None]
    parts = [a[rows + 8 * down, at] for at in columns for down in (0, 1)]
    parts += [b[at, rows] for at in columns]
    words = [np.ascontiguousarray(part).view(np.uint32).reshape(32) for part in parts]
    for down in (0, 1):
        for right in (0, 1):
            words.append(c[GROUP + 8 * down, 2 * MEMBER + right].view(np.uint32))
    return np.stack(words, 1)


def gathered(y: np.ndarray) -> np.ndarray:
    """The matrix (16, 8) of which each lane has four items."""
    d = np.empty((16, 8), np.float32)
    for i, item in enumerate(y.view(np.float32).reshape(32, 4).T):
        d[GROUP + 8 * (i // 2), 2 * MEMBER + i % 2] = item
    return d


PRODUCTS = [("tf32", 4), ("tf32", 8), ("f16", 8), ("f16", 16), ("bf16", 8), ("bf16", 16)]


@pytest.mark.parametrize(("kind", "k"), PRODUCTS)
def test_products_of_a_warp(kind: str, k: int) -> None:
    rng = np.random.default_rng(0)
    dtype = HALVES.get(kind, np.dtype(np.float32))
    a, b = (rng.standard_normal(shape).astype(dtype) for shape in ((16, k), (k, 8)))
    c = rng.standard_normal((16, 8)).astype(np.float32)
    y = np.zeros(128, np.uint32)
    run(multiplied(kind, k), fragments(a, b, c), y)
    if kind == "tf32":  # the low bits of a factor are not looked at
        a, b = ((m.view(np.uint32) & 0xFFFFE000).view(np.float32) for m in (a, b))
    np.testing.assert_allclose(gathered(y), a.astype(float) @ b.astype(float) + c, 1e-6, 1e-6)


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("transposed", [False, True])
def test_matrices_from_shared_memory(count: int, transposed: bool) -> None:
    """Each lane stores one row; rows go to the matrices in reverse."""
    x = np.random.default_rng(0).integers(0, 2**16, (32, 8), dtype=np.uint16)
    y = np.zeros((32, 4), np.uint32)
    trans = ".trans" if transposed else ""
    body = f"""
        mad.wide.u32 %a1, %i, 16, %x; mad.wide.u32 %a2, %i, 16, %y;
        ld.global.v4.u32 {registers("r", 0, 4)}, [%a1];
        mad.lo.u32 %r9, %i, 16, %tile;
        st.shared.v4.u32 [%r9], {registers("r", 0, 4)};
        bar.sync 0;
        sub.u32 %r8, 31, %i; mad.lo.u32 %r9, %r8, 16, %tile;
        ldmatrix.sync.aligned.m8n8.x{count}{trans}.shared.b16 {registers("r", 4, count)}, [%r9];
    """
    keep = "".join(f"st.global.u32 [%a2+{4 * i}], %r{4 + i};" for i in range(count))
    run(kernel(body + keep, shared=512), x, y)
    for i, m in enumerate(x[::-1].reshape(4, 8, 8)[:count]):
        m = m.T if transposed else m
        wanted = np.ascontiguousarray(m).view(np.uint32).reshape(32)
        np.testing.assert_array_equal(y[:, i], wanted)


@pytest.mark.parametrize(
    ("how", "size"), [("ca", 4), ("ca", 8), ("ca", 16), ("cg", 16), ("cg.L2::128B", 16)]
)
@pytest.mark.parametrize("taken", [None, 0, 3])
def test_copies_to_shared_memory(how: str, size: int, taken: int | None) -> None:
    """Two groups, and one word beside them that nothing waits for."""
    where, _, hint = how.partition(".")
    name = f"cp.async.{where}.shared.global" + (f".{hint}" if hint else "")
    tail = f"{size}" if taken is None else f"{size}, {taken}"
    x = np.arange(32 * size, dtype=np.uint8)
    y = np.zeros(32 * size, np.uint8)
    words = range(0, size, 4)
    body = f"""
        mad.wide.u32 %a1, %i, {size}, %x; mad.wide.u32 %a2, %i, {size}, %y;
        mad.lo.u32 %r9, %i, {size}, %tile;
        {name} [%r9], [%a1], {tail};
        cp.async.commit_group;
        cp.async.ca.shared.global [%r9+{32 * size}], [%x], 4;
        cp.async.commit_group;
        cp.async.wait_group 1;
    """
    keep = "".join(f"ld.shared.u32 %r1, [%r9+{w}]; st.global.u32 [%a2+{w}], %r1;" for w in words)
    run(kernel(body + keep + "cp.async.wait_all;", shared=64 * size), x, y)
    wanted = x.reshape(32, size).copy()
    wanted[:, size if taken is None else taken :] = 0
    np.testing.assert_array_equal(y.reshape(32, size), wanted)


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("type_", ["f32", "b32", "u16"])
def test_vectors(count: int, type_: str) -> None:
    size = int(type_[1:]) // 8
    register = {"f32": "f", "b32": "r", "u16": "h"}[type_]
    x = np.arange(32 * count * size, dtype=np.uint8)
    y = np.zeros_like(x)
    vector = registers(register, 0, count)
    body = f"""
        mad.wide.u32 %a1, %i, {size * count}, %x; mad.wide.u32 %a2, %i, {size * count}, %y;
        mad.lo.u32 %r9, %i, {size * count}, %tile;
        ld.global.v{count}.{type_} {vector}, [%a1];
        st.shared.v{count}.{type_} [%r9], {vector};
        ld.shared.v{count}.{type_} {registers(register, count, count)}, [%r9];
        st.global.v{count}.{type_} [%a2], {registers(register, count, count)};
    """
    run(kernel(body, shared=32 * size * count), x, y)
    np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize(
    ("mode", "by", "source"),
    [
        ("up", 3, np.where(LANE < 3, LANE, LANE - 3)),
        ("down", 5, np.where(LANE + 5 > 31, LANE, LANE + 5)),
        ("bfly", 6, LANE ^ 6),
        ("idx", 9, np.full(32, 9)),
    ],
)
def test_shuffles(mode: str, by: int, source: Any) -> None:
    x, y = LANE.astype(np.uint32) * 7, np.zeros(32, np.uint32)
    clamp = 0 if mode == "up" else 31
    run(kernel(SHUFFLE.format(mode=mode, by=by, clamp=clamp)), x, y)
    np.testing.assert_array_equal(y, x[source])


SHUFFLE = """
    ld.global.u32 %r1, [%xi];
    shfl.sync.{mode}.b32 %r2|%p1, %r1, {by}, {clamp}, -1;
    st.global.u32 [%yi], %r2;
"""


@pytest.mark.skipif(not has("cuda.bindings.nvjitlink"), reason="needs nvJitLink")
@pytest.mark.parametrize(("kind", "k"), PRODUCTS)
def test_these_products_are_valid_ptx(kind: str, k: int) -> None:
    assert link(multiplied(kind, k), (9, 0))[:4] == b"\x7fELF"
