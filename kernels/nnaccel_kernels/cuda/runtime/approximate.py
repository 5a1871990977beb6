"""Roots and reciprocals of float32 by the instructions for them, which are not correctly rounded.

Relative errors, as the PTX ISA gives them, are at most 2**-22.9 for a reciprocal root, and 2**-23
for a root and for a reciprocal. Correct rounding, with 2**-24, takes some ten instructions more
each. float64 is rounded correctly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from llvmlite import ir

from nnaccel_kernels.cuda.runtime.emit import emitted, types


def _function(opcode: str, plain: Callable[[Any], Any], exact: Callable[..., Any]) -> Any:
    """A device function of a number: an instruction of float32, or the code for a float64."""

    def approximate(typing, value):  # type: ignore[no-untyped-def]
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            if value != types.float32:
                return exact(builder, args[0])
            kind = ir.FunctionType(args[0].type, [args[0].type])
            return builder.call(ir.InlineAsm(kind, f"{opcode}.f32 $0, $1;", "=f,f"), args)

        return value(value), generate

    approximate.__name__ = opcode.replace(".", "_")  # compiled code is cached by it
    return emitted(plain)(approximate)


def _root(builder: Any, value: Any) -> Any:
    name, kind = "llvm.sqrt.f64", ir.FunctionType(value.type, [value.type])
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    return builder.call(function, [value])


def _reciprocal(builder: Any, value: Any) -> Any:
    return builder.fdiv(value.type(1.0), value)


root = _function("sqrt.approx", math.sqrt, _root)
reciprocal_root = _function(
    "rsqrt.approx",
    lambda v: 1 / math.sqrt(v),
    lambda builder, v: _reciprocal(builder, _root(builder, v)),
)
#: Subnormal float32 numbers count as 0.
reciprocal = _function("rcp.approx.ftz", lambda v: 1 / v, _reciprocal)
