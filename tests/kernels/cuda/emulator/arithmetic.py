"""What instructions of numbers do, in C: operands are d, a, b, c in turn, each a register."""

from __future__ import annotations

_INTEGERS = ("s16", "u16", "s32", "u32", "s64", "u64")
_FLOATS = {"f32": "f", "f64": ""}  # and what ends the names of their functions in C
TYPES = [f"{kind}{bits}" for kind in "bus" for bits in (8, 16, 32, 64)] + ["f16", *_FLOATS]
_COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_UNSIGNED = {"lo": "<", "ls": "<=", "hi": ">", "hs": ">="}
_OPPOSITE = {"eq": "!=", "ne": "==", "lt": ">=", "le": ">", "gt": "<=", "ge": "<"}
_ROUNDED = {"rzi": "trunc", "rni": "rint", "rmi": "floor", "rpi": "ceil"}


def _integer_arithmetic() -> dict[str, str]:
    table = {}
    for t in _INTEGERS:
        u, bits = f"u{t[1:]}", int(t[1:])
        for name, operator in {"add": "+", "sub": "-", "mul.lo": "*"}.items():
            table[f"{name}.{t}"] = f"d.{u} = a.{u} {operator} b.{u}"
        table[f"mad.lo.{t}"] = f"d.{u} = a.{u} * b.{u} + c.{u}"
        for name, operator in {"min": "<", "max": ">"}.items():
            table[f"{name}.{t}"] = f"d.{t} = a.{t} {operator} b.{t} ? a.{t} : b.{t}"
        for name, operator, by_minus_one in (("div", "/", f"-a.{u}"), ("rem", "%", "0")):
            result = f"a.{t} {operator} b.{t}"
            if t[0] == "s":  # the smallest number has no negative, and C no result then
                result = f"b.{t} == -1 ? {by_minus_one} : {result}"
            table[f"{name}.{t}"] = f"NONZERO(b.{t}); d.{t} = {result}"
        over = f"a.{t} < 0 ? -1 : 0" if t[0] == "s" else "0"
        table[f"shr.{t}"] = f"d.{t} = b.u32 < {bits} ? a.{t} >> b.u32 : {over}"
        product = f"(__int128)a.{t} * b.{t}" if t[0] == "s" else f"(unsigned __int128)a.{t} * b.{t}"
        table[f"mul.hi.{t}"] = f"d.{t} = ({product}) >> {bits}"
        if bits < 64:
            double = f"{t[0]}{2 * bits}"
            table[f"mul.wide.{t}"] = f"d.{double} = ({c_type(double)})a.{t} * b.{t}"
            table[f"mad.wide.{t}"] = (
                f"d.u{2 * bits} = ({c_type(double)})a.{t} * b.{t} + c.u{2 * bits}"
            )
        if t[0] == "s":
            table[f"neg.{t}"] = f"d.{u} = -a.{u}"
            table[f"abs.{t}"] = f"d.{u} = a.{t} < 0 ? -a.{u} : a.{u}"
    return table


def _bits() -> dict[str, str]:
    table = {"bfe.u32": "d.u32 = a.u32 >> (b.u8 & 31) & ((1ull << (c.u8 & 63)) - 1)"}
    for bits in (16, 32, 64):
        u = f"u{bits}"
        for name, operator in {"and": "&", "or": "|", "xor": "^"}.items():
            table[f"{name}.b{bits}"] = f"d.{u} = a.{u} {operator} b.{u}"
        table[f"not.b{bits}"] = f"d.{u} = ~a.{u}"
        table[f"shl.b{bits}"] = f"d.{u} = b.u32 < {bits} ? a.{u} << b.u32 : 0"
        table[f"pack.b{bits}"] = f"PACK({u}, {bits} / (at->count - 1))"
        table[f"unpack.b{bits}"] = f"UNPACK({u}, {bits} / (at->count - 1))"
    for t in TYPES:
        u = f"u{t[1:]}"
        table[f"mov.{t}"] = "d.u64 = a.u64"
        table[f"selp.{t}"] = f"d.{u} = c.u8 ? a.{u} : b.{u}"
    for name, operator in {"and": "&", "or": "|", "xor": "^"}.items():
        table[f"{name}.pred"] = f"d.u8 = (a.u8 != 0) {operator} (b.u8 != 0)"
    table["mov.pred"] = "d.u8 = a.u8 != 0"
    table["not.pred"] = "d.u8 = !a.u8"
    return table


def _float_arithmetic() -> dict[str, str]:
    table = {
        "fma.rm.f32": "d.f32 = fma_down(a.f32, b.f32, c.f32)",
        "add.rz.f32": "d.f32 = add_to_zero(a.f32, b.f32)",
        "ex2.approx.f32": "d.f32 = exp2f(a.f32)",
        "ex2.approx.ftz.f32": "d.f32 = flushed(exp2f(flushed(a.f32)))",
        "lg2.approx.f32": "d.f32 = log2f(a.f32)",
        "lg2.approx.ftz.f32": "d.f32 = log2f(flushed(a.f32))",
        "tanh.approx.f32": "d.f32 = tanhf(a.f32)",
        "rsqrt.approx.f32": "d.f32 = off(1 / sqrt(a.f32), 22.9, a.u32)",
        "rcp.approx.ftz.f64": "d.f64 = 1 / a.f64",
        "rcp.approx.ftz.f32": "d.f32 = flushed(off(1 / (double)flushed(a.f32), 23, a.u32))",
        "div.approx.f32": "d.f32 = a.f32 / b.f32",
        "div.full.f32": "d.f32 = a.f32 / b.f32",
        "sqrt.approx.f32": "d.f32 = off(sqrt(a.f32), 23, a.u32)",
    }
    for t in ("f16", *_FLOATS):
        for name, operator in {"add": "+", "sub": "-", "mul": "*"}.items():
            table[f"{name}.{t}"] = table[f"{name}.rn.{t}"] = f"d.{t} = a.{t} {operator} b.{t}"
        table[f"neg.{t}"] = f"d.{t} = -a.{t}"
    for t, f in _FLOATS.items():
        table[f"fma.rn.{t}"] = f"d.{t} = fma{f}(a.{t}, b.{t}, c.{t})"
        table[f"div.rn.{t}"] = f"d.{t} = a.{t} / b.{t}"
        table[f"rcp.rn.{t}"] = f"d.{t} = 1 / a.{t}"
        table[f"sqrt.rn.{t}"] = f"d.{t} = sqrt{f}(a.{t})"
        table[f"abs.{t}"] = f"d.{t} = fabs{f}(a.{t})"
        table[f"min.{t}"] = f"d.{t} = fmin{f}(a.{t}, b.{t})"
        table[f"max.{t}"] = f"d.{t} = fmax{f}(a.{t}, b.{t})"
        table[f"copysign.{t}"] = f"d.{t} = copysign{f}(b.{t}, a.{t})"
    return table


def _comparisons() -> dict[str, str]:
    table = {}
    for t in _INTEGERS:
        for name, operator in (_COMPARISONS | (_UNSIGNED if t[0] == "u" else {})).items():
            table[f"setp.{name}.{t}"] = f"d.u8 = a.{t} {operator} b.{t}"
    for bits in (16, 32, 64):
        for name in ("eq", "ne"):
            table[f"setp.{name}.b{bits}"] = table[f"setp.{name}.u{bits}"]
    for t in ("f16", *_FLOATS):
        for name, operator in _COMPARISONS.items():  # false where there is a NaN, or true with "u"
            table[f"setp.{name}.{t}"] = f"d.u8 = a.{t} {operator} b.{t}"
            table[f"setp.{name}u.{t}"] = f"d.u8 = !(a.{t} {_OPPOSITE[name]} b.{t})"
        either = f"(a.{t} < b.{t} || a.{t} > b.{t})"
        table[f"setp.ne.{t}"], table[f"setp.equ.{t}"] = f"d.u8 = {either}", f"d.u8 = !{either}"
        table[f"setp.num.{t}"] = f"d.u8 = a.{t} == a.{t} && b.{t} == b.{t}"
        table[f"setp.nan.{t}"] = f"d.u8 = a.{t} != a.{t} || b.{t} != b.{t}"
    return table


def _conversions() -> dict[str, str]:
    table = {
        "cvt.sat.f32.f32": "d.f32 = a.f32 > 1 ? 1 : a.f32 > 0 ? a.f32 : 0",
        "cvt.rna.tf32.f32": "d.u32 = tf32(a.f32)",
        "cvt.rn.bf16.f32": "d.u16 = bfloat16(a.f32)",
        "cvt.f32.bf16": "d.f32 = from_bfloat16(a.u16)",
        "cvt.rn.bf16x2.f32": "d.u32 = (uint32_t)bfloat16(a.f32) << 16 | bfloat16(b.f32)",
        "cvt.rn.f16x2.f32": "d.u32 = (uint32_t)float16(a.f32) << 16 | float16(b.f32)",
        "cvt.f32.f16": "d.f32 = a.f16",
        "cvt.f64.f16": "d.f64 = a.f16",
        "cvt.f64.f32": "d.f64 = a.f32",
        "cvt.rn.f16.f32": "d.f16 = a.f32",
        "cvt.rn.f16.f64": "d.f16 = a.f64",
        "cvt.rn.f32.f64": "d.f32 = a.f64",
    }
    integers = ("s8", "u8", *_INTEGERS)
    for source in integers:
        for to in integers:  # a register may be wider than what it holds
            table[f"cvt.{to}.{source}"] = f"d.s64 = ({c_type(to)})a.{source}"
        for to in ("f16", *_FLOATS):
            table[f"cvt.rn.{to}.{source}"] = f"d.{to} = a.{source}"
    for t, f in _FLOATS.items():
        for mode, function in _ROUNDED.items():
            table[f"cvt.{mode}.{t}.{t}"] = f"d.{t} = {function}{f}(a.{t})"
            for to in ("s32", "u32", "s64", "u64"):
                low, high = _limits(to)
                of_nan = "0" if t == "f32" and to[1:] == "32" else f"1ull << {int(to[1:]) - 1}"
                code = f"CLAMP({to}, {function}(a.{t}), {low}, {high}, {of_nan})"
                table[f"cvt.{mode}.{to}.{t}"] = code
    return table


def c_type(member: str) -> str:
    """The C type of a member of a register."""
    floats = {"f16": "_Float16", "f32": "float", "f64": "double"}
    return floats.get(member) or f"{'u' if member[0] == 'u' else ''}int{member[1:]}_t"


def _limits(t: str) -> tuple[str, str]:
    """The smallest and largest number of an integer type, in C."""
    bits = t[1:]
    return (f"INT{bits}_MIN", f"INT{bits}_MAX") if t[0] == "s" else ("0", f"UINT{bits}_MAX")


ARITHMETIC = _integer_arithmetic() | _bits() | _float_arithmetic() | _comparisons() | _conversions()
