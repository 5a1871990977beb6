"""The code behind `vectors`: loads and stores of up to 128 bits, which go to global memory.

Numba's own are of single elements, at addresses that could be of any memory.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from nnaccel_kernels.cuda.runtime.emit import arrayobj, cgutils, intrinsic, types
from nnaccel_kernels.cuda.runtime.half import HalfArrayType, pack, unpack

_GLOBAL = 1  # the address space
_BYTES = 16  # of the widest access
_WORD = ir.IntType(32)


def compiled(lanes: int) -> tuple[Any, ...]:
    """The functions of `Vectors`."""

    def mapped(typing, f, outputs, inputs, i, held, numbers):  # type: ignore[no-untyped-def]
        called = _Call(typing, f, inputs, held, numbers, lanes)
        result = called.signature.return_type

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            results = called.results(context, builder, *args[2:])
            arrays = zip(outputs, _parts(builder, args[1], outputs), strict=True)
            for n, (kind, y) in enumerate(arrays):
                values, each = results, result
                if isinstance(result, types.BaseTuple):
                    values, each = [builder.extract_value(r, n) for r in results], result[n]
                values = [context.cast(builder, v, each, kind.dtype) for v in values]
                _store(context, builder, kind, y, args[3], values)
            return context.get_dummy_value()

        return types.void(f, outputs, inputs, types.int64, held, numbers), generate

    def added(typing, f, sums, inputs, i, held, numbers):  # type: ignore[no-untyped-def]
        called = _Call(typing, f, inputs, held, numbers, lanes)

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            totals, result = _parts(builder, args[1], sums), called.signature.return_type
            for k, value in enumerate(called.results(context, builder, *args[2:])):
                term = context.cast(builder, value, result, sums.dtype)
                totals[k % len(totals)] = builder.fadd(totals[k % len(totals)], term)
            return context.make_tuple(builder, sums, totals)

        return sums(f, sums, inputs, types.int64, held, numbers), generate

    def folded(typing, f, values, inputs, i):  # type: ignore[no-untyped-def]
        called = _Call(typing, f, inputs, values, (), lanes)
        kind, result = values.dtype, called.signature.return_type
        result = result if isinstance(result, types.BaseTuple) else types.Tuple((result,))

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            loaded = called.loaded(context, builder, args[2], args[3])
            found = [_parts(builder, each, kind) for each in _parts(builder, args[1], values)]
            for k, pixels in enumerate(loaded):
                own = k * len(found) // lanes
                value = called.call(context, builder, [*pixels, *found[own]])
                parts = _parts(builder, value, result) if len(kind) > 1 else [value]
                kinds = zip(parts, result, kind, strict=True)
                found[own] = [context.cast(builder, *each) for each in kinds]
            tuples = [context.make_tuple(builder, kind, each) for each in found]
            return context.make_tuple(builder, values, tuples)

        return values(f, values, inputs, types.int64), generate

    def spread(typing, f, output, held, i, first):  # type: ignore[no-untyped-def]
        called = _Call(typing, f, (), held, (types.int32,), lanes)
        run = lanes // len(held)

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            kept, values = _parts(builder, args[2], held), list[Any]()
            for k in range(lanes):
                parts = _parts(builder, kept[k // run], held.dtype)
                number = builder.add(args[4], _WORD(k % run))
                value = called.call(context, builder, [*parts, number])
                values.append(context.cast(builder, value, called.result, output.dtype))
            _store(context, builder, output, args[1], args[3], values)
            return context.get_dummy_value()

        return types.void(f, output, held, types.int64, types.int32), generate

    def held(typing, arrays, i):  # type: ignore[no-untyped-def]
        each = types.Tuple(_items(arrays))

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            parts = list(zip(arrays, _parts(builder, args[0], arrays), strict=True))
            found = []
            for k in range(lanes):
                place = builder.add(args[1], args[1].type(k))
                values = [_load(context, builder, kind, a, place, 1)[0] for kind, a in parts]
                found.append(context.make_tuple(builder, each, values))
            return context.make_tuple(builder, sig.return_type, found)

        return types.UniTuple(each, lanes)(arrays, types.int64), generate

    functions = mapped, added, folded, spread, held
    for function in functions:
        function.__name__ += f"_{lanes}"  # compiled code is cached by its name
    return tuple(map(intrinsic, functions))


class _Call:
    """The calls of a device function f for each lane, with the types of what it gets."""

    def __init__(self, typing: Any, f: Any, inputs: Any, held: Any, numbers: Any, lanes: int):
        self.f, self.inputs, self.held, self.numbers, self.lanes = f, inputs, held, numbers, lanes
        self.more = tuple(held[0]) if len(held) else ()
        kinds = (*_items(inputs), *self.more, *numbers)
        self.signature = f.get_call_type(typing, kinds, {})

    @property
    def result(self) -> Any:
        """Type of what f returns."""
        return self.signature.return_type

    def results(
        self, context: Any, builder: Any, inputs: Any, i: Any, held: Any, numbers: Any
    ) -> list[Any]:
        """What f returns for each lane."""
        loaded = self.loaded(context, builder, inputs, i)
        kept = [_parts(builder, each, self.more) for each in _parts(builder, held, self.held)]
        rest = _parts(builder, numbers, self.numbers) if self.numbers else []
        kept = kept or [[]]
        return [
            self.call(context, builder, [*each, *kept[k * len(kept) // self.lanes], *rest])
            for k, each in enumerate(loaded)
        ]

    def loaded(self, context: Any, builder: Any, inputs: Any, i: Any) -> list[tuple[Any, ...]]:
        """The elements of all inputs for each lane."""
        arrays = zip(self.inputs, _parts(builder, inputs, self.inputs), strict=True)
        found = [_load(context, builder, kind, x, i, self.lanes) for kind, x in arrays]
        return list(zip(*found, strict=True)) if found else [()] * self.lanes

    def call(self, context: Any, builder: Any, values: list[Any]) -> Any:
        """What f returns for some values."""
        function = context.get_function(self.f, self.signature)
        context.add_linking_libs(getattr(function, "libs", ()))
        return function(builder, values)


def _items(arrays: Any) -> tuple[Any, ...]:
    return tuple(kind.dtype for kind in arrays)


def _parts(builder: Any, value: Any, kinds: Any) -> list[Any]:
    return list(cgutils.unpack_tuple(builder, value, len(kinds)))


def _load(context: Any, builder: Any, kind: Any, array: Any, i: Any, lanes: int) -> list[Any]:
    """Elements i, i + 1, … of an array."""
    pointer = _pointer(context, builder, kind, array, i)
    if not isinstance(kind, HalfArrayType):
        item = context.get_data_type(kind.dtype)
        return _load_items(builder, pointer, item, context.get_abi_sizeof(item), lanes)
    if lanes == 1:
        return unpack(builder, builder.zext(builder.load(pointer, align=2), _WORD), kind.kind)[:1]
    words = _load_items(builder, pointer, _WORD, 4, lanes // 2)
    return [value for word in words for value in unpack(builder, word, kind.kind)]


def _store(context: Any, builder: Any, kind: Any, array: Any, i: Any, values: list[Any]) -> None:
    """Set elements i, i + 1, … of an array."""
    pointer = _pointer(context, builder, kind, array, i)
    if not isinstance(kind, HalfArrayType):
        _store_items(builder, pointer, context.get_abi_sizeof(values[0].type), values)
    elif len(values) == 1:
        word = pack(builder, values[0], values[0], kind.kind)
        builder.store(builder.trunc(word, ir.IntType(16)), pointer, align=2)
    else:
        pairs = zip(values[::2], values[1::2], strict=True)
        words = [pack(builder, low, high, kind.kind) for low, high in pairs]
        _store_items(builder, pointer, 4, words)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, i: Any) -> Any:
    """Of an element, in global memory."""
    found = arrayobj.make_array(kind)(context, builder, array)
    generic = cgutils.get_item_pointer(context, builder, kind, found, [i])
    return builder.addrspacecast(generic, ir.PointerType(generic.type.pointee, _GLOBAL))


def _load_items(builder: Any, pointer: Any, item: Any, size: int, count: int) -> list[Any]:
    """`count` neighbours of `size` bytes, in as few loads as can be."""
    width = min(count, _BYTES // size)
    vectors = builder.bitcast(pointer, _vector_pointer(item, width))
    values = []
    for at in range(count // width):
        vector = builder.load(builder.gep(vectors, [_WORD(at)]), align=width * size)
        values += [builder.extract_element(vector, _WORD(k)) for k in range(width)]
    return values


def _store_items(builder: Any, pointer: Any, size: int, values: list[Any]) -> None:
    """Set neighbours of `size` bytes, in as few stores as can be."""
    width = min(len(values), _BYTES // size)
    vectors = builder.bitcast(pointer, _vector_pointer(values[0].type, width))
    for at in range(len(values) // width):
        vector = ir.Constant(ir.VectorType(values[0].type, width), ir.Undefined)
        for k in range(width):
            vector = builder.insert_element(vector, values[at * width + k], _WORD(k))
        builder.store(vector, builder.gep(vectors, [_WORD(at)]), align=width * size)


def _vector_pointer(item: Any, width: int) -> Any:
    return ir.PointerType(ir.VectorType(item, width), _GLOBAL)
