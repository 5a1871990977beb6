"""Formulas: functions of a number in Python's operators, emitted as LLVM in float32 or float64.

They have no branches, so that LLVM vectorises the loops that call them. Multiplications and
additions are fused only where it says so.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import config, types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

from nnaccel_kernels.cpu.vector.simd import VECTOR_BYTES

_BITS = {types.float32: (23, 127), types.float64: (52, 1023)}  # of the mantissa; the bias
#: Adding it to a number below 2**22 or 2**51 rounds that, into the lowest bits.
_ROUNDER = {types.float32: 1.5 * 2.0**23, types.float64: 1.5 * 2.0**52}


class Number:
    """A number of type `kind` in a formula."""

    def __init__(self, builder: ir.IRBuilder, kind: types.Float, value: Any) -> None:
        self.builder, self.kind, self.value = builder, kind, value

    @property
    def is_single(self) -> bool:
        """Whether it is a float32."""
        return bool(self.kind == types.float32)

    def like(self, value: Any) -> Number:
        """A value of LLVM, or a number of Python, as a number of this type."""
        if isinstance(value, Number):
            return value
        if isinstance(value, int | float):
            value = ir.Constant(self.value.type, float(value))
        return Number(self.builder, self.kind, value)

    def __add__(self, other: Number | float) -> Number:
        return self.like(self.builder.fadd(self.value, self.like(other).value))

    def __sub__(self, other: Number | float) -> Number:
        return self.like(self.builder.fsub(self.value, self.like(other).value))

    def __mul__(self, other: Number | float) -> Number:
        return self.like(self.builder.fmul(self.value, self.like(other).value))

    def __truediv__(self, other: Number | float) -> Number:
        return self.like(self.builder.fdiv(self.value, self.like(other).value))

    def __neg__(self) -> Number:
        return self.like(self.builder.fneg(self.value))

    def __abs__(self) -> Number:
        return self.call("fabs")

    def __lt__(self, other: Number | float) -> Any:
        return self.builder.fcmp_ordered("<", self.value, self.like(other).value)

    def __gt__(self, other: Number | float) -> Any:
        return self.builder.fcmp_ordered(">", self.value, self.like(other).value)

    def call(self, name: str, *others: Number | float) -> Number:
        """An intrinsic function of LLVM that takes numbers."""
        values = [self.value, *(self.like(other).value for other in others)]
        kind = ir.FunctionType(self.value.type, [self.value.type] * len(values))
        full = f"llvm.{name}.f{self.kind.bitwidth}"
        function = get_or_insert_function(self.builder.module, kind, full)
        return self.like(self.builder.call(function, values))

    def fused(self, factor: Number | float, term: Number | float) -> Number:
        """self * factor + term, with one rounding if the CPU can."""
        return self.call("fmuladd", factor, term)

    def polynomial(self, coefficients: Sequence[float]) -> Number:
        """The sum of coefficients[i] * self**i."""
        return functools.reduce(
            lambda total, c: total.fused(self, c), reversed(coefficients[:-1]),
            self.like(coefficients[-1]),
        )  # fmt: skip

    def select(self, condition: Any, other: Number | float) -> Number:
        """Self where the condition holds, else the other."""
        return self.like(self.builder.select(condition, self.value, self.like(other).value))

    def rounded(self, factor: Number | float = 1.0) -> tuple[Number, Any]:
        """The integer nearest to self * factor, and bits that end with it."""
        rounder = _ROUNDER[self.kind]
        total = self.fused(factor, rounder)
        return total - rounder, self.builder.bitcast(total.value, self._integer)

    def power_of_two(self, bits: Any) -> Number:
        """2**k for the integer k in the lowest bits, if that is a normal number."""
        mantissa, bias = _BITS[self.kind]
        shifted = self.builder.shl(bits, ir.Constant(self._integer, mantissa))
        one = ir.Constant(self._integer, bias << mantissa)
        return self.like(self.builder.bitcast(self.builder.add(shifted, one), self.value.type))

    def times_power_of_two(self, bits: Any) -> Number:
        """self * 2**k for the integer k in the lowest bits, denormal or infinite results too."""
        if VECTOR_BYTES < 64:  # two factors, for 2**k may overflow where the product does not
            half = self.builder.lshr(bits, bits.type(1))
            rest = self.builder.sub(bits, half)
            return self * self.power_of_two(half) * self.power_of_two(rest)
        rounder = self.builder.bitcast(self.like(_ROUNDER[self.kind]).value, self._integer)
        k, i32 = self.builder.sub(bits, rounder), ir.IntType(32)
        if k.type != i32:
            k = self.builder.trunc(k, i32)
        kind = ir.FunctionType(self.value.type, [self.value.type, i32])
        name = f"llvm.ldexp.f{self.kind.bitwidth}.i32"  # an instruction of AVX-512
        scale = get_or_insert_function(self.builder.module, kind, name)
        return self.like(self.builder.call(scale, [self.value, k]))

    @property
    def _integer(self) -> ir.IntType:
        return ir.IntType(self.kind.bitwidth)


def formula(in_python: Callable[..., Any]) -> Callable[[Callable[..., Number]], Any]:
    """Decorate a function of Numbers for kernels to call; `in_python` is it without the JIT."""

    def decorate(function: Callable[..., Number]) -> Any:
        if config.DISABLE_JIT:
            return in_python

        def typed(typing, x, *others):  # type: ignore[no-untyped-def]
            kind = x if x in _BITS else types.float64

            def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
                return function(*(Number(builder, kind, value) for value in args)).value

            return kind(*[kind] * (1 + len(others))), codegen

        names = ["typing", *inspect.signature(function).parameters]
        parameters = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names]
        typed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        typed.__name__, typed.__doc__ = function.__name__, function.__doc__
        return intrinsic(typed)

    return decorate
