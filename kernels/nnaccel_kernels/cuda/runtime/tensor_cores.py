"""Instructions of tensor cores, and of copies to shared memory that run ahead, for sm_80 and later.

They are inline PTX, which the simulator cannot run. A tile has `LINE_BYTES` of each line, in pieces
of 128 bits.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import config

from nnaccel_kernels.cuda.runtime.cublas import uses_tf32
from nnaccel_kernels.cuda.runtime.emit import intrinsic, types
from nnaccel_kernels.cuda.runtime.tile_memory import global_pointer, item_pointer

LINE_BYTES, PIECE_BYTES = 64, 16
_STEP_BYTES = 32  # of a line, that an instruction multiplies
_M, _N = 16, 8  # rows and columns of its product
_FIRST = 8, 0  # compute capability
_SHARED = 3  # address space
_WORD, _BYTE, _FLOAT = ir.IntType(32), ir.IntType(8), ir.FloatType()
_INSTRUCTIONS = {
    "float16": "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32",
    "bfloat16": "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32",
    "float32": "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32",
}


class WarpTile(NamedTuple):
    """Rows and columns of the sums of a warp: a row for each line of the first tile."""

    rows: int
    columns: int


def suits_tensor_cores(dtype: np.dtype[Any]) -> bool:
    """Whether this device multiplies a dtype by tensor cores, as its precision allows.

    Products of float32 need leave to round their factors to TF32, as in cuBLAS.
    """
    allowed = dtype.name in ("float16", "bfloat16") or (dtype == np.float32 and uses_tf32())
    return allowed and not config.ENABLE_CUDASIM and compute_capability() >= _FIRST


def compute_capability() -> tuple[int, int]:
    """Of CuPy's current device; tests and benchmarks without one replace this function."""
    cupy = sys.modules.get("cupy")
    number = cupy.cuda.Device().compute_capability if cupy else "00"
    return int(number[:-1]), int(number[-1])


@intrinsic
def copy_ahead(typing, shared, to, array, offset, is_inside):  # type: ignore[no-untyped-def]
    """Begin to copy 128 bits from an array's item to byte `to` of shared memory; zeros if outside.

    The address must be a multiple of 128 bits.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target = _shared_address(context, builder, shared, args[0], args[1])
        from_first = builder.select(args[4], args[3], args[3].type(0))
        source = global_pointer(context, builder, array, args[2], from_first, 1)
        size = builder.select(args[4], _WORD(PIECE_BYTES), _WORD(0))
        text = "cp.async.cg.shared.global [$0], [$1], 16, $2;"
        kinds = [_WORD, source.type, _WORD]
        return _assembly(
            builder, text, "r,l,r,~{memory}", ir.VoidType(), kinds, target, source, size
        )

    return types.void(shared, types.int32, array, types.int32, types.boolean), _then_nothing(
        generate
    )


@intrinsic
def close_copies(typing):  # type: ignore[no-untyped-def]
    """End a group of copies that are waited for together."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _assembly(builder, "cp.async.commit_group;", "~{memory}", ir.VoidType(), [])

    return types.void(), _then_nothing(generate)


def wait_for_copies(under_way: int) -> Callable[..., Any]:
    """A device function that waits until at most so many groups of a thread are under way."""

    @intrinsic
    def wait(typing):  # type: ignore[no-untyped-def]
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            text = f"cp.async.wait_group {under_way};"
            _assembly(builder, text, "~{memory}", ir.VoidType(), [])

        return types.void(), _then_nothing(generate)

    function: Callable[..., Any] = wait
    return function


def tensor_products(tile: WarpTile, dtype: str, pitches: tuple[int, int]) -> Callable[..., Any]:
    """A device function that adds the product of two shared tiles of a dtype to a warp's sums.

    f(sums, shared, a, b) takes the bytes from which the lane reads the warp's part of each tile;
    `pitches` are the bytes from one depth to the next in each, or 0 where lines are contiguous. It
    is written out without loops, as `outer_products` is. A lane has four sums of each 16 x 8: of
    row lane // 4 and the one eight rows on, in columns lane % 4 * 2 and the next.
    """
    downs, acrosses = tile.rows // _M, tile.columns // _N
    itemsize = 4 if dtype == "float32" else 2

    @intrinsic
    def multiply(typing, sums, shared, a, b):  # type: ignore[no-untyped-def]
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            def address(byte: Any) -> Any:
                return _shared_address(context, builder, shared, args[1], byte)

            def lines(first: Any, step: int, count: int, pitch: int) -> list[list[Any]]:
                """Registers of 16 lines each, for one instruction."""
                found = []
                for i in range(count):
                    swap, further = step * _STEP_BYTES, i * _M * LINE_BYTES
                    if pitch:
                        swap, further = i * _M * itemsize, step * _STEP_BYTES // itemsize * pitch
                    at = builder.xor(first, _WORD(swap))
                    if pitch and itemsize == 4:
                        found.append(_load_words(builder, address, at, further, pitch))
                    else:
                        found.append(_load_matrices(builder, address(at), further, pitch > 0))
                return _rounded(builder, found) if dtype == "float32" else found

            places = [
                item_pointer(context, builder, sums, args[0], _WORD(i))
                for i in range(downs * acrosses * 4)
            ]
            totals = [builder.load(place) for place in places]
            for step in range(LINE_BYTES // _STEP_BYTES):
                right, left = [], lines(args[2], step, downs, pitches[0])
                for pair in lines(args[3], step, acrosses // 2, pitches[1]):
                    by_words = pitches[1] and itemsize == 4
                    right += [pair[::2], pair[1::2]] if by_words else [pair[:2], pair[2:]]
                for n, (x, y) in enumerate((x, y) for x in left for y in right):
                    own = slice(4 * n, 4 * n + 4)
                    totals[own] = _multiplied(builder, dtype, x, y, totals[own])
            for place, total in zip(places, totals, strict=True):
                builder.store(total, place)

        kind = types.int32
        return types.void(sums, shared, kind, kind), _then_nothing(generate)

    function: Callable[..., Any] = multiply
    return function


def _load_matrices(builder: Any, address: Any, further: int, transposed: bool) -> list[Any]:
    trans = ".trans" * transposed
    text = f"ldmatrix.sync.aligned.m8n8.x4{trans}.shared.b16 {{$0, $1, $2, $3}}, [$4+{further}];"
    result = ir.LiteralStructType([_WORD] * 4)
    loaded = _assembly(builder, text, "=r,=r,=r,=r,r,~{memory}", result, [_WORD], address)
    return [builder.extract_value(loaded, i) for i in range(4)]


def _load_words(
    builder: Any, address: Callable[[Any], Any], byte: Any, further: int, pitch: int
) -> list[Any]:
    """Of a line and the one 8 lines on, at a depth and 4 depths on."""
    firsts = [address(builder.xor(byte, _WORD(on))) for on in (0, 8 * 4)]
    words, pointer = list[Any](), _WORD.as_pointer(_SHARED)
    for down in (0, 4 * pitch):
        for first in firsts:
            at = builder.inttoptr(builder.add(first, _WORD(further + down)), pointer)
            words.append(builder.load(at, align=4))
    return words


def _rounded(builder: Any, groups: list[list[Any]]) -> list[list[Any]]:
    """Registers of float32 rounded to the nearest TF32; tensor cores would cut them off."""
    text = "cvt.rna.tf32.f32 $0, $1;"
    cast = ir.InlineAsm(ir.FunctionType(_WORD, [_WORD]), text, "=r,r")
    return [[builder.call(cast, [each]) for each in group] for group in groups]


def _multiplied(
    builder: Any, dtype: str, left: list[Any], right: list[Any], totals: list[Any]
) -> list[Any]:
    text = (
        f"{_INSTRUCTIONS[dtype]} {{$0, $1, $2, $3}}, {{$4, $5, $6, $7}}, {{$8, $9}}, "
        "{$10, $11, $12, $13};"
    )
    kind = ir.FunctionType(ir.LiteralStructType([_FLOAT] * 4), [_WORD] * 6 + [_FLOAT] * 4)
    constraints = "=f,=f,=f,=f,r,r,r,r,r,r,f,f,f,f"
    product = builder.call(ir.InlineAsm(kind, text, constraints), [*left, *right, *totals])
    return [builder.extract_value(product, i) for i in range(4)]


def _assembly(
    builder: Any, text: str, constraints: str, result: Any, kinds: list[Any], *values: Any
) -> Any:
    """Inline PTX that is neither left out nor moved past other accesses to memory."""
    kind = ir.FunctionType(result, kinds)
    return builder.call(ir.InlineAsm(kind, text, constraints, side_effect=True), list(values))


def _shared_address(context: Any, builder: Any, kind: Any, array: Any, byte: Any) -> Any:
    """32-bit address of a byte of an array in shared memory."""
    first = item_pointer(context, builder, kind, array, _WORD(0))
    first = builder.addrspacecast(first, first.type.pointee.as_pointer(_SHARED))
    return builder.add(builder.ptrtoint(first, _WORD), byte)


def _then_nothing(generate: Callable[..., Any]) -> Callable[..., Any]:
    """Code of a function that returns nothing."""

    def generate_and_return(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        generate(context, builder, signature, args)
        return context.get_dummy_value()

    return generate_and_return
