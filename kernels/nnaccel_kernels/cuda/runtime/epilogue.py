"""Matrix products with a bias, or with the gradient of a bias, in one kernel: cuBLASLt's epilogues.

The description of a product, and the algorithm that cuBLASLt suggests for it, are kept on the
handle for the next product of the same kind.
"""

from __future__ import annotations

import ctypes
from typing import Any

from nnaccel_kernels.cuda.runtime.cublas import (
    DATA_TYPES,
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
# CUBLASLT_MATMUL_DESC_…
_TRANSPOSE_A, _TRANSPOSE_B, _EPILOGUE, _BIAS_POINTER, _BIAS_TYPE = 3, 4, 7, 8, 26
# CUBLASLT_MATMUL_PREF_…; the alignments are those of A, B, C and D.
_MAX_WORKSPACE, _MIN_ALIGNMENTS = 1, (5, 6, 7, 8)
_MAX_ALIGNMENT = 256


class _Heuristic(ctypes.Structure):
    """cublasLtMatmulHeuristicResult_t."""

    _fields_ = (
        ("algorithm", ctypes.c_uint64 * 8),
        ("workspace", ctypes.c_size_t),
        ("state", ctypes.c_int),
        ("waves", ctypes.c_float),
        ("reserved", ctypes.c_int * 4),
    )


def matmul_with_epilogue(epilogue: int, a: Any, b: Any, out: Any, bias: Any) -> None:
    """out = f(a @ b + bias); for BIAS_GRADIENT, out = a @ b and bias = column sums of b.

    Raises
    ------
    NotImplementedError
        If cuBLASLt has no algorithm for this product.
    """
    current, arrays = handle(), (a, b, out, bias)
    kinds = tuple((m.shape, m.strides, m.dtype.char, _alignment(m)) for m in arrays)
    key = epilogue, compute_type(a.dtype), kinds
    if key not in current.products:
        current.products[key] = _Product(current, epilogue, *arrays)
    current.products[key].run(current, *arrays)


class _Product:
    """A product described to cuBLASLt: out.T = b.T @ a.T, since its matrices are column-major."""

    def __init__(self, on: Handle, epilogue: int, a: Any, b: Any, out: Any, bias: Any) -> None:
        self._one, self._zero = scalar(1, a.dtype), scalar(0, a.dtype)
        types = compute_type(a.dtype), DATA_TYPES[wide(a.dtype).name]
        self._description = _create("cublasLtMatmulDescCreate", *types)
        self._set(_TRANSPOSE_A, ctypes.c_int32(layout(b)[0]))
        self._set(_TRANSPOSE_B, ctypes.c_int32(layout(a)[0]))
        self._set(_EPILOGUE, ctypes.c_int32(epilogue))
        self._set(_BIAS_TYPE, ctypes.c_int32(DATA_TYPES[bias.dtype.name]))
        self._set(_BIAS_POINTER, ctypes.c_void_p(bias.data.ptr))
        self._layouts = [_matrix_layout(m) for m in (b, a, out)]
        self._heuristic = self._find_algorithm(on, [_alignment(m) for m in (b, a, out, out)])

    def run(self, on: Handle, a: Any, b: Any, out: Any, bias: Any) -> None:
        """Multiply arrays of the described kind."""
        self._set(_BIAS_POINTER, ctypes.c_void_p(bias.data.ptr))
        b_layout, a_layout, out_layout = self._layouts
        address = out.data.ptr
        status = lt_library().cublasLtMatmul(
            on.pointer, self._description, ctypes.byref(self._one), b.data.ptr, b_layout,
            a.data.ptr, a_layout, ctypes.byref(self._zero), address, out_layout,
            address, out_layout, ctypes.byref(self._heuristic.algorithm),
            on.workspace, WORKSPACE, on.stream,
        )  # fmt: skip
        check(status, "cublasLtMatmul")

    def _set(self, attribute: int, value: Any) -> None:
        _set_attribute("MatmulDesc", self._description, attribute, value)

    def _find_algorithm(self, on: Handle, alignments: list[int]) -> _Heuristic:
        """The algorithm that cuBLASLt suggests."""
        preference = _create("cublasLtMatmulPreferenceCreate")
        found, count = _Heuristic(), ctypes.c_int()
        limit = ctypes.c_uint64(WORKSPACE)
        _set_attribute("MatmulPreference", preference, _MAX_WORKSPACE, limit)
        for attribute, alignment in zip(_MIN_ALIGNMENTS, alignments, strict=True):
            value = ctypes.c_uint32(alignment)
            _set_attribute("MatmulPreference", preference, attribute, value)
        status = lt_library().cublasLtMatmulAlgoGetHeuristic(
            on.pointer, self._description, *self._layouts, self._layouts[-1], preference,
            1, ctypes.byref(found), ctypes.byref(count),
        )  # fmt: skip
        if status or found.state or not count.value:
            raise NotImplementedError(f"cuBLASLt has no algorithm for this product: {status}")
        return found


def _matrix_layout(m: Any) -> ctypes.c_void_p:
    """How a matrix lies in memory, column-major."""
    transposed, lead = layout(m)
    rows, columns = m.shape if transposed else m.shape[::-1]
    return _create("cublasLtMatrixLayoutCreate", DATA_TYPES[m.dtype.name], rows, columns, lead)


def _create(function: str, *args: Any) -> ctypes.c_void_p:
    """Create one of cuBLASLt's objects."""
    pointer = ctypes.c_void_p()
    check(getattr(lt_library(), function)(ctypes.byref(pointer), *args), function)
    return pointer


def _set_attribute(kind: str, target: ctypes.c_void_p, attribute: int, value: Any) -> None:
    """Set an attribute of one of cuBLASLt's objects to a ctypes value."""
    function = f"cublasLt{kind}SetAttribute"
    size = ctypes.sizeof(value)
    check(getattr(lt_library(), function)(target, attribute, ctypes.byref(value), size), function)


def _alignment(a: Any) -> int:
    """Largest power of two that divides an array's address, up to what matters to cuBLASLt."""
    address: int = a.data.ptr
    return min(address & -address, _MAX_ALIGNMENT)
