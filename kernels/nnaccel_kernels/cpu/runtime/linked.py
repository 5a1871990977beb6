"""Linked functions: compiled once, and called by the machine code of every kernel.

Numba compiles the functions that a kernel calls anew for each kernel. Large ones with many callers,
such as the matrix product, are instead one C function for each dtype, which the linker finds by its
name. It is compiled, or loaded from the disk, when the first caller is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import config, types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

from nnaccel_kernels.cpu.runtime.jit import before_loading, cfunc
from nnaccel_kernels.cpu.vector.simd import SCALARS, element, void

_KINDS = {"i": types.int64, "f": types.float64}
_FUNCTIONS: dict[str, tuple[str, Callable[..., None]]] = {}  # patterns and functions by name
_COMPILED: dict[str, Any] = {}  # by name and dtype: kept, for that keeps the machine code alive
_LOCK = threading.RLock()  # one may call another


def linked(pattern: str, in_python: Callable[..., None]) -> Callable[..., Any]:
    """Decorate a function of pointers: kernels call it with arrays.

    `pattern` has a letter for each argument: i an integer, f a float64, p a pointer, for which
    callers give an array and the index of an element. `in_python` does the same without the JIT.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., Any]:
        if config.DISABLE_JIT:
            return in_python
        name = f"nnaccel{function.__name__}"
        _FUNCTIONS[name] = pattern, function
        return _caller(name, pattern)

    return decorate


def _link_for(code: bytes) -> None:
    """Link all functions whose names are in machine code that is about to be loaded."""
    for name in _FUNCTIONS:
        for dtype in SCALARS:
            if f"{name}_{dtype}".encode() in code:
                _link(name, dtype)


before_loading.append(_link_for)


def _link(name: str, dtype: types.Type) -> str:
    """Compile a function for a dtype, or load it from the disk, once; return its name there."""
    symbol = f"{name}_{dtype}"
    with _LOCK:
        if symbol not in _COMPILED:
            pattern, function = _FUNCTIONS[name]
            kinds = [_KINDS.get(letter) or types.CPointer(dtype) for letter in pattern]
            code = cfunc(function, types.void(*kinds), error_model="numpy")
            llvm.add_symbol(symbol, code.address)
            _COMPILED[symbol] = code
    return symbol


def _caller(name: str, pattern: str) -> Callable[..., Any]:
    """Return the intrinsic that calls a linked function on arrays."""

    def call(typing, *arguments):  # type: ignore[no-untyped-def]
        given = iter(arguments)
        kinds: list[Any] = []
        for letter in pattern:
            kinds += [_KINDS[letter]] if letter in _KINDS else [next(given), types.int64]
            next(given)
        dtype = next(kind.dtype for kind in kinds if isinstance(kind, types.Array))

        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
            values = iter(zip(kinds, args, strict=True))
            passed = []
            for letter in pattern:
                kind, value = next(values)
                if letter == "p":
                    value = element(context, builder, kind, value, next(values)[1])
                passed.append(value)
            kind = ir.FunctionType(void, [value.type for value in passed])
            function = get_or_insert_function(builder.module, kind, _link(name, dtype))
            builder.call(function, passed)
            return context.get_dummy_value()

        return types.void(*kinds), codegen

    # Numba needs a signature that names each argument.
    count = len(pattern) + pattern.count("p")
    names = ["typing", *(f"argument{i}" for i in range(count))]
    kind = Parameter.POSITIONAL_OR_KEYWORD
    call.__signature__ = Signature([Parameter(n, kind) for n in names])  # type: ignore[attr-defined]
    made: Callable[..., Any] = intrinsic(call)
    return made
