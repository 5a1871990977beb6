"""Each instruction of a thread does what PTX says, on awkward numbers, as NumPy computes it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from nnaccel_kernels.cuda.runtime.cubin import link

from .emulator import launch
from .emulator.arithmetic import ARITHMETIC
from .emulator.machine import COMPILER
from .wheels import has

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="needs a C compiler: cc, or CC"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # overflows are meant
]

Numbers = list[float]
Rule = Callable[..., Any]

DTYPES = {f"{kind}{bits}": np.dtype(f"{code}{bits // 8}")
          for kind, code in (("s", "i"), ("u", "u"), ("b", "u"), ("f", "f"))
          for bits in (8, 16, 32, 64) if (kind, bits) != ("f", 8)}  # fmt: skip
REGISTERS = {1: "b16", 2: "b16", 4: "b32", 8: "b64"}  # by bytes
FLOATS = [0.0, -0.0, 1.0, -1.5, 2.5, 1e-3, -3e4, np.inf, -np.inf, np.nan]
SMALL = [0, 1, 2, 5, 31, 100]


def integers(t: str) -> Numbers:
    info = np.iinfo(DTYPES[t])
    return [*SMALL, info.min, info.max, info.max // 3]


def numbers(t: str) -> Numbers:
    return FLOATS if t[0] == "f" else integers(t)


def ordered(compare: Rule) -> Rule:
    return lambda x, y: compare(x, y) & ~(np.isnan(x) | np.isnan(y))


def unordered(compare: Rule) -> Rule:
    return lambda x, y: compare(x, y) | np.isnan(x) | np.isnan(y)


def shifted(shift: Rule) -> Rule:
    """Bits that go beyond the ends are lost, however many."""

    def rule(x: np.ndarray, by: np.ndarray) -> np.ndarray:
        bits = 8 * x.itemsize
        near = shift(x, np.minimum(by, bits - 1).astype(x.dtype))
        return np.where(by < bits, near, shift(near, x.dtype.type(1)))

    return rule


def high(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    whole = [int(a) * int(b) >> 8 * x.itemsize for a, b in zip(x, y, strict=True)]
    return np.array(whole).astype(x.dtype)


def toward_zero(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Quotient of integers; NumPy rounds down."""
    exact = [abs(int(a)) // abs(int(b)) * (1 if (a < 0) == (b < 0) else -1)
             for a, b in zip(x, y, strict=True)]  # fmt: skip
    return np.array([e & (1 << 8 * x.itemsize) - 1 for e in exact], f"u{x.itemsize}").view(x.dtype)


def rounded_down(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    exact = x.astype(float) * y + z
    near = exact.astype(np.float32)
    return np.where(near > exact, np.nextafter(near, np.float32(-np.inf)), near)


def cut(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    exact = x.astype(float) + y
    near = exact.astype(np.float32)
    return np.where(np.abs(near) > np.abs(exact), np.nextafter(near, np.float32(0)), near)


def fused(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Rounded once: products of two float32 are exact in float64, and in long double here."""
    wide = np.longdouble if x.dtype == np.float64 else np.float64
    return (x.astype(wide) * y + z).astype(x.dtype)


def saturated(to: str) -> Rule:
    info = np.iinfo(DTYPES[to])

    def rule(x: np.ndarray) -> np.ndarray:
        of_nan = 0 if x.itemsize == 4 == DTYPES[to].itemsize else info.min or info.max // 2 + 1
        exact = [of_nan if np.isnan(v) else max(info.min, min(info.max, v)) for v in x.tolist()]
        return np.array([int(v) for v in exact], DTYPES[to])

    return rule


COMPARISONS: dict[str, Rule] = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal,
    "gt": np.greater, "ge": np.greater_equal,
}  # fmt: skip
UNSIGNED = {"lt": "lo", "le": "ls", "gt": "hi", "ge": "hs"}
INTEGERS: dict[str, Rule] = {
    "add": np.add, "sub": np.subtract, "mul.lo": np.multiply, "min": np.minimum, "max": np.maximum,
    "div": toward_zero, "rem": np.fmod, "mul.hi": high,
}  # fmt: skip

#: An instruction: the types of its result and operands, and what it computes.
CASES: dict[str, tuple[str, list[str], Rule]] = {
    "bfe.u32": ("u32", ["u32"], lambda x: x >> 5 & 7),
    "fma.rm.f32": ("f32", ["f32"] * 3, rounded_down),
    "cvt.sat.f32.f32": ("f32", ["f32"], lambda x: np.where(x > 0, np.fmin(1, x), 0)),
    "add.rz.f32": ("f32", ["f32"] * 2, cut),
    "cvt.f32.f16": ("f32", ["f16"], np.float32),
    "cvt.f64.f16": ("f64", ["f16"], np.float64),
    "cvt.rn.f16.f64": ("f16", ["f64"], np.float16),
    "cvt.f32.bf16": ("f32", ["b16"], lambda x: (x.astype("u4") << 16).view("f4")),
    "cvt.rn.f16.f32": ("f16", ["f32"], np.float16),
    "cvt.rn.f32.f64": ("f32", ["f64"], np.float32),
    "cvt.f64.f32": ("f64", ["f32"], np.float64),
    "cvt.rn.bf16.f32": ("u16", ["f32"], lambda x: bfloat16(x)),
    "cvt.rna.tf32.f32": ("u32", ["f32"], lambda x: to_tf32(x)),
    "cvt.rn.f16x2.f32": (
        "u32", ["f32", "f32"], lambda x, y: pair(*(v.astype("f2").view("u2") for v in (x, y))),
    ),
    "cvt.rn.bf16x2.f32": (
        "u32", ["f32", "f32"], lambda x, y: pair(bfloat16(x), bfloat16(y)),
    ),
}  # fmt: skip


def pair(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    return upper.astype("u4") << 16 | lower


def bfloat16(x: np.ndarray) -> np.ndarray:
    bits = x.astype(ml_dtypes.bfloat16).view(np.uint16)
    return np.where(np.isnan(x), 0x7FFF, bits).astype(np.uint16)


def to_tf32(x: np.ndarray) -> np.ndarray:
    """Ten bits of mantissa, halves away from zero."""
    mantissa, exponent = np.frexp(np.where(np.isfinite(x), x, 0).astype(float))
    scaled = mantissa * 2**11
    near = np.ldexp(np.trunc(scaled + np.copysign(0.5, scaled)), exponent - 11)
    return np.where(np.isfinite(x), near, x).astype(np.float32).view(np.uint32)


for t in ("s16", "u16", "s32", "u32", "s64", "u64"):
    for name, rule in INTEGERS.items():
        CASES[f"{name}.{t}"] = t, [t, t], rule
    for name, rule in COMPARISONS.items():
        CASES[f"setp.{name}.{t}"] = "pred", [t, t], rule
        if t[0] == "u":
            same = UNSIGNED.get(name, name)
            CASES[f"setp.{same}.{t}"] = "pred", [t, t], rule
            if same == name:
                CASES[f"setp.{same}.b{t[1:]}"] = "pred", [f"b{t[1:]}"] * 2, rule
    CASES[f"shr.{t}"] = t, [t, "u32"], shifted(np.right_shift)
    CASES[f"mad.lo.{t}"] = t, [t, t, t], lambda x, y, z: x * y + z
    if t[1:] != "64":
        wide = f"{t[0]}{2 * int(t[1:])}"
        CASES[f"mul.wide.{t}"] = (
            wide, [t, t], lambda x, y, to=wide: x.astype(DTYPES[to]) * y.astype(DTYPES[to]),
        )  # fmt: skip
        CASES[f"mad.wide.{t}"] = (
            wide, [t, t, wide], lambda x, y, z: x.astype(z.dtype) * y.astype(z.dtype) + z,
        )  # fmt: skip
    if t[0] == "s":
        CASES[f"neg.{t}"], CASES[f"abs.{t}"] = (t, [t], np.negative), (t, [t], np.abs)
for bits in (16, 32, 64):
    t = f"b{bits}"
    CASES[f"shl.{t}"] = t, [t, "u32"], shifted(np.left_shift)
    CASES[f"not.{t}"] = t, [t], np.invert
    for name, rule in {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}.items():
        CASES[f"{name}.{t}"] = t, [t, t], rule
for t in ("f16", "f32", "f64"):
    for name, rule in {"add": np.add, "mul": np.multiply, "sub": np.subtract}.items():
        CASES[f"{name}.{t}"] = CASES[f"{name}.rn.{t}"] = t, [t, t], rule
    CASES[f"neg.{t}"] = t, [t], np.negative
for t in ("f32", "f64"):
    CASES[f"fma.rn.{t}"] = t, [t] * 3, fused
    for name, rule in {"min": np.fmin, "max": np.fmax, "div.rn": np.divide}.items():
        CASES[f"{name}.{t}"] = t, [t, t], rule
    CASES[f"copysign.{t}"] = t, [t, t], lambda x, y: np.copysign(y, x)
    for name, rule in {"rzi": np.trunc, "rni": np.rint, "rmi": np.floor, "rpi": np.ceil}.items():
        CASES[f"cvt.{name}.{t}.{t}"] = t, [t], rule
        for to in ("s32", "u32", "s64", "u64"):
            CASES[f"cvt.{name}.{to}.{t}"] = (
                to, [t], lambda x, to=to, rule=rule: saturated(to)(rule(x)),
            )  # fmt: skip
    for name, rule in {"abs": np.abs, "sqrt.rn": np.sqrt}.items():
        CASES[f"{name}.{t}"] = t, [t], rule
    CASES[f"rcp.rn.{t}"] = t, [t], np.reciprocal
for t in ("f16", "f32", "f64"):
    for name, rule in COMPARISONS.items():
        CASES[f"setp.{name}.{t}"] = "pred", [t, t], ordered(rule)
        CASES[f"setp.{name}u.{t}"] = "pred", [t, t], unordered(rule)
    CASES[f"setp.nan.{t}"] = "pred", [t, t], unordered(lambda x, y: x != x)
    CASES[f"setp.num.{t}"] = "pred", [t, t], ordered(lambda x, y: x == x)
for source, to in product(("s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64"), repeat=2):
    CASES[f"cvt.{to}.{source}"] = to, [source], lambda x, to=to: x.astype(DTYPES[to])
for source, to in product(
    ("s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64"), ("f16", "f32", "f64")
):
    CASES[f"cvt.rn.{to}.{source}"] = to, [source], lambda x, to=to: x.astype(DTYPES[to])


def program(opcode: str, result: str, operands: list[str]) -> str:
    """A kernel of one thread an item, with an array for the result and for each operand."""
    types = ["u8" if result == "pred" else result, *operands]
    sizes = [DTYPES[t].itemsize for t in types]
    lines = [".reg .b32 %i; mov.u32 %i, %tid.x;"]
    for i, size in enumerate(sizes):
        lines.append(f".reg .{REGISTERS[size]} %v{i}; .reg .b64 %a{i};")
        lines.append(f"ld.param.u64 %a{i}, [p{i}]; mad.wide.u32 %a{i}, %i, {size}, %a{i};")
    for i, t in list(enumerate(types))[1:]:
        lines.append(f"ld.global.{'b' if t[0] == 'f' else t[0]}{t[1:]} %v{i}, [%a{i}];")
    values = ", ".join(f"%v{i}" for i in range(1, len(types)))
    if opcode.startswith("bfe"):
        values += ", 5, 3"
    if result == "pred":
        lines.append(f".reg .pred %p; {opcode} %p, {values}; selp.b16 %v0, 1, 0, %p;")
    else:
        lines.append(f"{opcode} %v0, {values};")
    lines.append(f"st.global.b{8 * sizes[0]} [%a0], %v0;")
    parameters = ", ".join(f".param .u64 p{i}" for i in range(len(types)))
    header = ".version 8.0\n.target sm_90\n.address_size 64\n"
    return f"{header}.visible .entry one({parameters})\n{{\n" + "\n".join(lines) + "\nret;\n}\n"


def operands_of(opcode: str) -> list[np.ndarray]:
    """All combinations of awkward numbers."""
    types = CASES[opcode][1]
    columns = list(zip(*product(*(numbers(t) for t in types)), strict=True))
    arrays = [np.array(c).astype(DTYPES[t]) for c, t in zip(columns, types, strict=True)]
    if opcode.startswith(("div.s", "div.u", "rem")):
        arrays = [a[arrays[1] != 0] for a in arrays]
    return arrays


@pytest.mark.parametrize("opcode", CASES)
def test_an_instruction(opcode: str) -> None:
    result, types, rule = CASES[opcode]
    arrays = operands_of(opcode)
    wanted = np.asarray(rule(*arrays))
    wanted = wanted.astype(np.uint8 if result == "pred" else DTYPES[result])
    for part in range(0, len(wanted), 1000):
        some = [np.ascontiguousarray(a[part : part + 1000]) for a in arrays]
        got = np.zeros_like(wanted[part : part + 1000])
        every = [got, *some]
        ptx = program(opcode, result, types)
        launch(ptx, (1,), (len(got),), [a.ctypes.data for a in every], every)
        np.testing.assert_array_equal(got, wanted[part : part + 1000])


@pytest.mark.slow
@pytest.mark.skipif(not has("cuda.bindings.nvjitlink"), reason="needs nvJitLink")
def test_these_are_instructions_of_ptx() -> None:
    """All of them in one text."""
    texts = [program(opcode, *types) for opcode, (*types, _) in CASES.items()]
    texts = [text.replace(" one(", f" k{i}(") for i, text in enumerate(texts)]
    header, _, _ = texts[0].partition(".visible")
    whole = header + "".join(text.removeprefix(header) for text in texts)
    assert link(whole, (9, 0))[:4] == b"\x7fELF"


APPROXIMATE: dict[str, Rule] = {
    "ex2.approx.f32": np.exp2, "ex2.approx.ftz.f32": np.exp2, "lg2.approx.f32": np.log2,
    "lg2.approx.ftz.f32": np.log2, "tanh.approx.f32": np.tanh, "sqrt.approx.f32": np.sqrt,
    "rsqrt.approx.f32": lambda x: 1 / np.sqrt(x), "rcp.approx.ftz.f32": np.reciprocal,
    "rcp.approx.ftz.f64": np.reciprocal, "div.approx.f32": np.divide, "div.full.f32": np.divide,
}  # fmt: skip

#: What every compiled kernel consists of.
EVERYWHERE = ("mov.", "selp.", "pack.", "unpack.", "and.pred", "or.pred", "xor.pred", "not.pred")


@pytest.mark.parametrize("opcode", APPROXIMATE)
def test_approximations_err_no_more_than_they_may(opcode: str) -> None:
    x, y = np.array([0.7, 3.1, 1e-3, 40.0]), np.array([3.0, 7.0, -1.0, 0.3])
    t = opcode[-3:]
    count = 2 if opcode.startswith("div") else 1
    every = [a.astype(DTYPES[t]) for a in (np.zeros(4), x, y)[: 1 + count]]
    ptx = program(opcode, t, [t] * count)
    launch(ptx, (1,), (4,), [a.ctypes.data for a in every], every)
    np.testing.assert_allclose(every[0], APPROXIMATE[opcode](*every[1:]), 1e-6)


@pytest.mark.parametrize("opcode", ["sqrt.approx.f32", "rsqrt.approx.f32", "rcp.approx.ftz.f32"])
def test_approximate_roots_err_as_much_as_they_may(opcode: str) -> None:
    """Up and down: a kernel that agrees with the reference does so whatever a GPU makes of them."""
    x = np.linspace(0.5, 9, 64).astype(np.float32)
    y = np.zeros_like(x)
    launch(program(opcode, "f32", ["f32"]), (1,), (64,), [y.ctypes.data, x.ctypes.data], [y, x])
    error = y / APPROXIMATE[opcode](x.astype(np.float64)) - 1
    assert error.min() < -(2.0**-23.5)
    assert 2.0**-23.5 < error.max() < 2.0**-22.3


def test_every_instruction_of_numbers_is_tested() -> None:
    rest = set(ARITHMETIC) - set(CASES) - set(APPROXIMATE)
    assert all(name.startswith(EVERYWHERE) for name in rest), rest
