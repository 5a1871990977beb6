"""Arrays of float16 and bfloat16 that kernels read and write as float32.

Numba sees arrays of float32 whose items have 16 bits in memory: a load widens, a store rounds to
the nearest even. So every kernel works on them unchanged and computes in float32.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import cuda
from numba.cuda.cudadrv.devicearray import DeviceNDArray

try:  # numba-cuda has its own copies
    from numba.cuda import cgutils, types
    from numba.cuda.core import targetconfig
    from numba.cuda.extending import core_models as models
    from numba.cuda.extending import lower_builtin, register_model
    from numba.cuda.np import arrayobj
except ImportError:
    from numba.core import cgutils, targetconfig, types
    from numba.extending import lower_builtin, models, register_model
    from numba.np import arrayobj

_BITS, _WORD = ir.IntType(16), ir.IntType(32)

# Rounds to the nearest even bfloat16 on any architecture. Inline assembly counts as one instruction
# to LLVM, which would not unroll loops that store many sums if it saw all of these.
_ROUNDING = """{
    .reg .b32 word, odd;
    .reg .pred is_nan;
    mov.b32 word, $1;
    bfe.u32 odd, word, 16, 1;
    add.u32 odd, odd, 0x7fff;
    add.u32 word, word, odd;
    shr.u32 word, word, 16;
    setp.nan.f32 is_nan, $1, $1;
    @is_nan mov.b32 word, 0x7fff;
    cvt.u16.u32 $0, word;
}"""


class HalfArrayType(types.Array):  # type: ignore[misc]
    """Numba type of an array of `kind`, 'float16' or 'bfloat16', whose items are float32."""

    def __init__(self, kind: str, ndim: int, layout: str) -> None:
        self.kind = kind
        super().__init__(types.float32, ndim, layout, name=f"array({kind}, {ndim}d, {layout})")

    @classmethod
    def of(cls, array: Any) -> HalfArrayType:
        """The type of an array."""
        flags = array.flags
        layout = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
        return cls(array.dtype.name, array.ndim, layout)

    def __repr__(self) -> str:
        return str(self.name)  # PTX is cached by it; the base class would show only float32

    @property
    def key(self) -> tuple[Any, ...]:
        """Identity of the type."""
        return self.kind, *super().key


class _HalfArray(DeviceNDArray):  # type: ignore[misc]
    """Numba's device array of the bits, with the type of what they encode."""

    _numba_type_: Any = None


def half_array(array: Any) -> Any:
    """A 16-bit CuPy array as a Numba array."""
    bits = cuda.as_cuda_array(array.view(np.uint16), sync=False)
    found = _HalfArray(bits.shape, bits.strides, bits.dtype, gpu_data=bits.gpu_data)
    found._numba_type_ = HalfArrayType.of(array)
    return found


@register_model(HalfArrayType)
class _HalfArrayModel(models.ArrayModel):  # type: ignore[misc]
    """The model of any array, with a pointer to 16-bit data."""

    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type)
        members = dict(zip(self._fields, self._members, strict=True))
        members["data"] = types.CPointer(types.uint16)
        models.StructModel.__init__(self, dmm, fe_type, list(members.items()))


@lower_builtin(operator.getitem, HalfArrayType, types.Integer)
@lower_builtin(operator.getitem, HalfArrayType, types.BaseTuple)
def _load(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    pointer = _item_pointer(context, builder, sig.args[:2], args[:2])
    return widen(builder, builder.load(pointer, align=2), sig.args[0].kind)


@lower_builtin(operator.setitem, HalfArrayType, types.Integer, types.Any)
@lower_builtin(operator.setitem, HalfArrayType, types.BaseTuple, types.Any)
def _store(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    pointer = _item_pointer(context, builder, sig.args[:2], args[:2])
    value = context.cast(builder, args[2], sig.args[2], types.float32)
    builder.store(rounded(builder, value, sig.args[0].kind), pointer, align=2)
    return context.get_dummy_value()


def _item_pointer(context: Any, builder: Any, kinds: Any, values: Any) -> Any:
    array = arrayobj.make_array(kinds[0])(context, builder, values[0])
    kind, index = kinds[1], values[1]
    if isinstance(kind, types.BaseTuple):
        indices = list(zip(kind, cgutils.unpack_tuple(builder, index, len(kind)), strict=True))
    else:
        indices = [(kind, index)]
    return cgutils.get_item_pointer(
        context, builder, kinds[0], array,
        [context.cast(builder, v, kind, types.intp) for kind, v in indices],
    )  # fmt: skip


def unpack(builder: Any, word: Any, kind: str) -> list[Any]:
    """The two numbers in a 32-bit word, as float32; the lower half comes first in memory."""
    if kind == "float16":
        halves = word, builder.lshr(word, _WORD(16))
        bits = [builder.trunc(half, _BITS) for half in halves]
        return [builder.fpext(builder.bitcast(b, ir.HalfType()), ir.FloatType()) for b in bits]
    halves = builder.shl(word, _WORD(16)), builder.and_(word, _WORD(0xFFFF0000))
    return [builder.bitcast(half, ir.FloatType()) for half in halves]


def pack(builder: Any, low: Any, high: Any, kind: str) -> Any:
    """Two float32 numbers, each rounded to 16 bits, in a 32-bit word."""
    if kind == "bfloat16" and _compute_capability() >= (8, 0):
        assembly = "cvt.rn.bf16x2.f32 $0, $1, $2;"
        rounding = ir.InlineAsm(ir.FunctionType(_WORD, [ir.FloatType()] * 2), assembly, "=r,f,f")
        return builder.call(rounding, [high, low])
    halves = [builder.zext(rounded(builder, value, kind), _WORD) for value in (low, high)]
    return builder.or_(halves[0], builder.shl(halves[1], _WORD(16)))


def _compute_capability() -> tuple[int, int]:
    """Of the device that code is generated for."""
    found: tuple[int, int] = targetconfig.ConfigStack().top().compute_capability
    return found


def widen(builder: Any, bits: Any, kind: str) -> Any:
    if kind == "float16":
        return builder.fpext(builder.bitcast(bits, ir.HalfType()), ir.FloatType())
    return builder.bitcast(builder.shl(builder.zext(bits, _WORD), _WORD(16)), ir.FloatType())


def rounded(builder: Any, value: Any, kind: str) -> Any:
    if kind == "float16":
        return builder.bitcast(builder.fptrunc(value, ir.HalfType()), _BITS)
    rounding = ir.InlineAsm(ir.FunctionType(_BITS, [ir.FloatType()]), _ROUNDING, "=h,f")
    return builder.call(rounding, [value])
