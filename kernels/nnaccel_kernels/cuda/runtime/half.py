"""Arrays of float16 and bfloat16 that kernels read and write as if they held float32.

To Numba they are arrays of float32 whose items are 16 bits in memory: an item is widened when it is
loaded and rounded, to the nearest and to even, when it is stored. So every kernel takes them as it
is, and computes in float32.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import cuda
from numba.cuda.cudadrv.devicearray import DeviceNDArray

try:  # numba-cuda has all of this to itself
    from numba.cuda import cgutils, types
    from numba.cuda.extending import core_models as models
    from numba.cuda.extending import lower_builtin, register_model
    from numba.cuda.np import arrayobj
except ImportError:
    from numba.core import cgutils, types
    from numba.extending import lower_builtin, models, register_model
    from numba.np import arrayobj

_BITS, _WORD = ir.IntType(16), ir.IntType(32)

# To bfloat16, to the nearest and to even, on any architecture. One instruction to LLVM, which would
# not take the loops apart that store many sums if it saw all of it.
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


class Halves(types.Array):  # type: ignore[misc]
    """An array of `kind`, 'float16' or 'bfloat16', that gives and takes float32."""

    def __init__(self, kind: str, ndim: int, layout: str) -> None:
        self.kind = kind
        super().__init__(types.float32, ndim, layout, name=f"array({kind}, {ndim}d, {layout})")

    @classmethod
    def of(cls, array: Any) -> Halves:
        """The type of an array."""
        flags = array.flags
        layout = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
        return cls(array.dtype.name, array.ndim, layout)

    def __repr__(self) -> str:
        return str(self.name)  # an array's own is all about its dtype, and PTX is kept by it

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells such types apart."""
        return self.kind, *super().key


class _Typed(DeviceNDArray):  # type: ignore[misc]
    """Numba's array of the bits, which says of itself what they are."""

    _numba_type_: Any = None


def typed(array: Any) -> Any:
    """A CuPy array of 16-bit numbers as Numba's."""
    bits = cuda.as_cuda_array(array.view(np.uint16), sync=False)
    found = _Typed(bits.shape, bits.strides, bits.dtype, gpu_data=bits.gpu_data)
    found._numba_type_ = Halves.of(array)
    return found


@register_model(Halves)
class _HalvesModel(models.ArrayModel):  # type: ignore[misc]
    """As any array, but for what its data point to."""

    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type)
        members = dict(zip(self._fields, self._members, strict=True))
        members["data"] = types.CPointer(types.uint16)
        models.StructModel.__init__(self, dmm, fe_type, list(members.items()))


@lower_builtin(operator.getitem, Halves, types.Integer)
@lower_builtin(operator.getitem, Halves, types.BaseTuple)
def _load(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    place = _place(context, builder, sig.args[:2], args[:2])
    return _widened(builder, builder.load(place, align=2), sig.args[0].kind)


@lower_builtin(operator.setitem, Halves, types.Integer, types.Any)
@lower_builtin(operator.setitem, Halves, types.BaseTuple, types.Any)
def _store(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    place = _place(context, builder, sig.args[:2], args[:2])
    value = context.cast(builder, args[2], sig.args[2], types.float32)
    builder.store(_rounded(builder, value, sig.args[0].kind), place, align=2)
    return context.get_dummy_value()


def _place(context: Any, builder: Any, kinds: Any, values: Any) -> Any:
    """Where an item is."""
    array = arrayobj.make_array(kinds[0])(context, builder, values[0])
    index, at = kinds[1], values[1]
    if isinstance(index, types.BaseTuple):
        each = list(zip(index, cgutils.unpack_tuple(builder, at, len(index)), strict=True))
    else:
        each = [(index, at)]
    return cgutils.get_item_pointer(
        context, builder, kinds[0], array,
        [context.cast(builder, v, kind, types.intp) for kind, v in each],
    )  # fmt: skip


def _widened(builder: Any, bits: Any, kind: str) -> Any:
    if kind == "float16":
        return builder.fpext(builder.bitcast(bits, ir.HalfType()), ir.FloatType())
    return builder.bitcast(builder.shl(builder.zext(bits, _WORD), _WORD(16)), ir.FloatType())


def _rounded(builder: Any, value: Any, kind: str) -> Any:
    if kind == "float16":
        return builder.bitcast(builder.fptrunc(value, ir.HalfType()), _BITS)
    round_it = ir.InlineAsm(ir.FunctionType(_BITS, [ir.FloatType()]), _ROUNDING, "=h,f")
    return builder.call(round_it, [value])
