"""Access to memory by 32-bit offsets from an array's first item, one item or 128 bits at a time.

A vector is as many numbers as fill 128 bits in the accumulation dtype; of a 16-bit array it is 64
bits in memory. The address of a vector must be a multiple of its size. `registers` are local arrays
whose indices the compiler knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import cuda

from nnaccel_kernels.cuda.runtime.emit import arrayobj, cgutils, emitted, types
from nnaccel_kernels.cuda.runtime.index import device

VECTOR_BYTES = 16
_GLOBAL, _SHARED = 1, 3  # address spaces


def vector_length(itemsize: int) -> int:
    """Numbers in a vector whose accumulation dtype has `itemsize` bytes."""
    return VECTOR_BYTES // itemsize


def load_items(length: int) -> Callable[..., Any]:
    """A device function that loads 1 item or a vector from global memory.

    f(array, offset, is_inside, registers, first) sets `length` registers from `first` on; to zeros,
    without a load, where `is_inside` is false.
    """

    def plain(array, offset, is_inside, registers, first):  # type: ignore[no-untyped-def]
        for i in range(length):
            registers[first + i] = _item(array, int(offset) + i)[1] if is_inside else 0

    @emitted(plain)
    def load(typing, array, offset, is_inside, registers, first):  # type: ignore[no-untyped-def]
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = global_pointer(context, builder, array, args[0], args[1], length)
            kind = pointer.type.pointee
            before = builder.block
            with builder.if_then(args[2]):
                loaded = builder.load(pointer, align=_item_bytes(array) * length)
                inside = builder.block
            vector = builder.phi(kind)
            vector.add_incoming(loaded, inside)
            vector.add_incoming(ir.Constant(kind, None), before)
            for i, item in enumerate(_items(builder, vector)):
                at = builder.add(args[4], args[4].type(i))
                pointer = item_pointer(context, builder, registers, args[3], at)
                builder.store(_accumulated(builder, array, item), pointer)
            return context.get_dummy_value()

        return types.void(array, offset, is_inside, registers, first), generate

    return load


def put_items(length: int) -> Callable[..., Any]:
    """A device function that writes 1 register or a vector to shared memory.

    f(shared, index, registers, first) writes `length` registers from `first` on.
    """

    def plain(shared, index, registers, first):  # type: ignore[no-untyped-def]
        shared[index : index + length] = registers[first : first + length]

    @emitted(plain)
    def put(typing, shared, index, registers, first):  # type: ignore[no-untyped-def]
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            number = context.get_data_type(shared.dtype)
            items = []
            for i in range(length):
                at = builder.add(args[3], args[3].type(i))
                items.append(builder.load(item_pointer(context, builder, registers, args[2], at)))
            pointer = item_pointer(context, builder, shared, args[0], args[1])
            if length == 1:
                builder.store(items[0], pointer)
                return context.get_dummy_value()
            vector = ir.Constant(ir.VectorType(number, length), ir.Undefined)
            for i, item in enumerate(items):
                vector = builder.insert_element(vector, item, _word(i))
            pointer = builder.bitcast(pointer, vector.type.as_pointer())
            builder.store(vector, pointer, align=VECTOR_BYTES)
            return context.get_dummy_value()

        return types.void(shared, index, registers, first), generate

    return put


def _plain_store(array, offset, value):  # type: ignore[no-untyped-def]
    _item(array, offset)[1] = value


@emitted(_plain_store)
def store_item(typing, array, offset, value):  # type: ignore[no-untyped-def]
    """Write an item of an array in global memory."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = global_pointer(context, builder, array, args[0], args[1], 1)
        number = context.cast(builder, args[2], value, array.dtype)
        builder.store(_in_memory(builder, array, number), pointer)
        return context.get_dummy_value()

    return types.void(array, offset, value), generate


def _plain_load(array, offset):  # type: ignore[no-untyped-def]
    return array.dtype.type(_item(array, offset)[1])


@emitted(_plain_load)
def load_item(typing, array, offset):  # type: ignore[no-untyped-def]
    """Item of an array in global memory."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = global_pointer(context, builder, array, args[0], args[1], 1)
        return _accumulated(builder, array, builder.load(pointer))

    return array.dtype(array, offset), generate


def shared_array(size: int) -> Callable[..., Any]:
    """A device function that returns the block's array of `size` numbers, aligned for vectors.

    Its argument is an array of that dtype. A kernel has one such array.
    """

    @device
    def plain(like):  # type: ignore[no-untyped-def]
        return cuda.shared.array(size, like.dtype)

    @emitted(plain)
    def aligned_array(typing, like):  # type: ignore[no-untyped-def]
        result = types.Array(like.dtype, 1, "C")

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = ir.ArrayType(context.get_data_type(like.dtype), size)
            memory = cgutils.add_global_variable(builder.module, kind, "nnaccel_tiles", _SHARED)
            memory.align, memory.initializer = VECTOR_BYTES, ir.Constant(kind, ir.Undefined)
            data = builder.addrspacecast(memory, kind.as_pointer(), "generic")
            array = arrayobj.make_array(result)(context, builder)
            itemsize = context.get_constant(types.intp, like.dtype.bitwidth // 8)
            arrayobj.populate_array(
                array,
                data=builder.bitcast(data, array.data.type),
                shape=[context.get_constant(types.intp, size)],
                strides=[itemsize],
                itemsize=itemsize,
                meminfo=None,
            )
            return array._getvalue()

        return result(like), generate

    return aligned_array


def item_pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """Pointer to an item at an index from an array's first."""
    return builder.gep(arrayobj.make_array(kind)(context, builder, array).data, [index])


def global_pointer(
    context: Any, builder: Any, kind: Any, array: Any, offset: Any, length: int
) -> Any:
    """Pointer in global memory to an item, or to a vector of `length` of them."""
    pointer = item_pointer(context, builder, kind, array, offset)
    pointee = pointer.type.pointee if length == 1 else ir.VectorType(pointer.type.pointee, length)
    pointer = builder.bitcast(pointer, pointee.as_pointer())
    return builder.addrspacecast(pointer, pointee.as_pointer(_GLOBAL))


def _items(builder: Any, value: Any) -> list[Any]:
    """The items of a vector, or the one item."""
    if not isinstance(value.type, ir.VectorType):
        return [value]
    return [builder.extract_element(value, _word(i)) for i in range(value.type.count)]


def _word(i: int) -> Any:
    return ir.Constant(ir.IntType(32), i)


def _item_bytes(array: Any) -> int:
    return 2 if hasattr(array, "kind") else int(array.dtype.bitwidth) // 8


def _accumulated(builder: Any, array: Any, item: Any) -> Any:
    """An item in memory, in the accumulation dtype."""
    if not hasattr(array, "kind"):
        return item
    from nnaccel_kernels.cuda.runtime import half  # which extends Numba, so only where needed

    return half.widen(builder, item, array.kind)


def _in_memory(builder: Any, array: Any, number: Any) -> Any:
    """A number in the accumulation dtype, as it is in memory."""
    if not hasattr(array, "kind"):
        return number
    from nnaccel_kernels.cuda.runtime import half

    return half.rounded(builder, number, array.kind)


def _item(array: Any, offset: Any) -> Any:
    """For the simulator: an array whose item 1 is the one at an offset in `array`."""
    for wrapped in ("_item", "_ary", "_array"):
        array = getattr(array, wrapped, array)
    return np.lib.stride_tricks.as_strided(array, (2,), (int(offset) * array.itemsize,))
