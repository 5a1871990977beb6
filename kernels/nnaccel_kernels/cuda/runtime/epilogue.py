"""Products that end with a bias, or give its gradient too, in one kernel: cuBLASLt's epilogues.

What cuBLASLt is told of a product, and the algorithm it advises, is kept for the next of its kind.
"""

from __future__ import annotations

import ctypes
from typing import Any

from nnaccel_kernels.cuda.runtime.cublas import (
    KINDS,
    WORKSPACE,
    Handle,
    check,
    compute_type,
    handle,
    layout,
    lt_library,
    scalar,
)
from nnaccel_kernels.half import wide

# From cublasLt.h.
BIAS, RELU_BIAS, BIAS_GRADIENT = 4, 6, 256  # CUBLASLT_EPILOGUE_BIAS, _RELU_BIAS, _BGRADA
_TURN_A, _TURN_B, _EPILOGUE, _VECTOR, _VECTOR_KIND = 3, 4, 7, 8, 26  # CUBLASLT_MATMUL_DESC_…
_MOST_WORKSPACE, _ALIGNMENTS = 1, (5, 6, 7, 8)  # CUBLASLT_MATMUL_PREF_…: of A, B, C and D
_MOST_ALIGNED = 256


class _Advice(ctypes.Structure):
    """cublasLtMatmulHeuristicResult_t."""

    _fields_ = (
        ("algorithm", ctypes.c_uint64 * 8),
        ("workspace", ctypes.c_size_t),
        ("state", ctypes.c_int),
        ("waves", ctypes.c_float),
        ("reserved", ctypes.c_int * 4),
    )


def matmul_with(epilogue: int, a: Any, b: Any, out: Any, vector: Any) -> None:
    """Out = f(a @ b + vector), or out = a @ b and vector = the sums of b's columns.

    Raises
    ------
    NotImplementedError
        If cuBLASLt has no algorithm for it.
    """
    mine, arrays = handle(), (a, b, out, vector)
    each = tuple((m.shape, m.strides, m.dtype.char, _alignment(m)) for m in arrays)
    key = epilogue, compute_type(a.dtype), each
    if key not in mine.plans:
        mine.plans[key] = _Plan(mine, epilogue, *arrays)
    mine.plans[key].run(mine, *arrays)


class _Plan:
    """What cuBLASLt is told of a kind of product: column by column, out.T = b.T @ a.T."""

    def __init__(self, mine: Handle, epilogue: int, a: Any, b: Any, out: Any, vector: Any) -> None:
        self._one, self._zero = scalar(1, a.dtype), scalar(0, a.dtype)
        how = compute_type(a.dtype), KINDS[wide(a.dtype).name]
        self._what = _made("cublasLtMatmulDescCreate", *how)
        self._tell(_TURN_A, layout(b)[0])
        self._tell(_TURN_B, layout(a)[0])
        self._tell(_EPILOGUE, epilogue)
        self._tell(_VECTOR_KIND, KINDS[vector.dtype.name])
        self._point_to(vector)
        self._sides = [_side(m) for m in (b, a, out)]
        self._advice = self._advised(mine, [_alignment(m) for m in (b, a, out, out)])

    def run(self, mine: Handle, a: Any, b: Any, out: Any, vector: Any) -> None:
        """Multiply."""
        self._point_to(vector)
        b_side, a_side, out_side = self._sides
        place = out.data.ptr
        done = lt_library().cublasLtMatmul(
            mine.pointer, self._what, ctypes.byref(self._one), b.data.ptr, b_side,
            a.data.ptr, a_side, ctypes.byref(self._zero), place, out_side, place, out_side,
            ctypes.byref(self._advice.algorithm), mine.workspace, WORKSPACE, mine.stream,
        )  # fmt: skip
        check(done, "cublasLtMatmul")

    def _tell(self, attribute: int, value: int) -> None:
        _set("MatmulDesc", self._what, attribute, ctypes.c_int32(value))

    def _point_to(self, vector: Any) -> None:
        _set("MatmulDesc", self._what, _VECTOR, ctypes.c_void_p(vector.data.ptr))

    def _advised(self, mine: Handle, alignments: list[int]) -> _Advice:
        """The algorithm that cuBLASLt thinks best."""
        wish, found, count = _made("cublasLtMatmulPreferenceCreate"), _Advice(), ctypes.c_int()
        _set("MatmulPreference", wish, _MOST_WORKSPACE, ctypes.c_uint64(WORKSPACE))
        for attribute, alignment in zip(_ALIGNMENTS, alignments, strict=True):
            _set("MatmulPreference", wish, attribute, ctypes.c_uint32(alignment))
        done = lt_library().cublasLtMatmulAlgoGetHeuristic(
            mine.pointer, self._what, *self._sides, self._sides[-1], wish,
            1, ctypes.byref(found), ctypes.byref(count),
        )  # fmt: skip
        if done or found.state or not count.value:
            raise NotImplementedError(f"cuBLASLt has no algorithm for such a product: {done}")
        return found


def _side(m: Any) -> ctypes.c_void_p:
    """A matrix as it lies in memory, column by column."""
    turned, lead = layout(m)
    rows, columns = m.shape if turned else m.shape[::-1]
    return _made("cublasLtMatrixLayoutCreate", KINDS[m.dtype.name], rows, columns, lead)


def _made(create: str, *args: Any) -> ctypes.c_void_p:
    made = ctypes.c_void_p()
    check(getattr(lt_library(), create)(ctypes.byref(made), *args), create)
    return made


def _set(of: str, what: ctypes.c_void_p, attribute: int, value: Any) -> None:
    call = f"cublasLt{of}SetAttribute"
    size = ctypes.sizeof(value)
    check(getattr(lt_library(), call)(what, attribute, ctypes.byref(value), size), call)


def _alignment(a: Any) -> int:
    """The largest power of two that divides an array's address, as far as it matters."""
    place: int = a.data.ptr
    return min(place & -place, _MOST_ALIGNED)
