"""Builds the machine with the C compiler, keeps it with other compiled code, and runs kernels."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from nnaccel_kernels.disk_cache import disk_cache

from .opcodes import NUMBERS, THREAD, WARP
from .program import SHARED_BASE, assemble

_SOURCES = ("machine.c", "memory.c", "copies.c", "arithmetic.c", "warp.c")
_FLAGS = ("-O1", "-std=gnu11", "-w", "-fwrapv", "-fno-strict-aliasing", "-ffp-contract=off",
          "-frounding-math", "-fPIC", "-shared")  # fmt: skip
COMPILER = shutil.which(os.environ.get("CC", "cc"))

#: In the order of `enum fault` in memory.c.
FAULTS = (
    "", "access out of bounds", "misaligned access", "shared memory read before it is written",
    "race: nothing orders this access with that of another thread",
    "access to shared memory while a copy to it is under way",
    "barrier that not all threads of the block reach",
    "instruction of a warp that not all of its threads reach",
    "division by zero", "too many copies under way for the emulator",
)  # fmt: skip


class KernelError(RuntimeError):
    """What a kernel did wrong, and where."""


class _Report(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_uint64) for name in ("fault", "instruction", "address", "size")),
        ("thread", ctypes.c_uint64 * 3),
        ("block", ctypes.c_uint64 * 3),
    )


def launch(
    ptx: str,
    grid: Sequence[int],
    block: Sequence[int],
    numbers: Iterable[Any],
    arrays: Iterable[np.ndarray],
) -> None:
    """Run the kernel in a PTX text to its end.

    Parameters
    ----------
    ptx : str
        Text with one kernel.
    grid, block : sequence of int
        Up to three sizes.
    numbers : iterable
        The kernel's parameters: NumPy or Python numbers, and addresses.
    arrays : iterable of ndarray
        All memory that it may access.

    Raises
    ------
    KernelError
        If the kernel does something that a GPU would not define.
    NotImplementedError
        If the emulator lacks an instruction.
    """
    program = assemble(ptx)
    registers = program.registers.copy()
    for register, number in zip(program.parameters, numbers, strict=True):
        registers[register] = _bits(number)
    shared = (SHARED_BASE, SHARED_BASE + program.shared_bytes)
    bounds = np.array([shared, *_merged(arrays)], np.uint64)
    special = np.array(program.special, np.int32)
    sizes = [np.array((*size, 1, 1)[:3], np.uint64) for size in (grid, block)]
    library().launch(
        _pointer(program.instructions), _pointer(registers), len(registers), _pointer(special),
        *map(_pointer, sizes), _pointer(bounds), len(bounds),
    )  # fmt: skip
    report = _Report.in_dll(library(), "report")
    if report.fault:
        raise KernelError(
            f"{FAULTS[report.fault]}: `{program.texts[report.instruction]}`, "
            f"thread {tuple(report.thread)} of block {tuple(report.block)}, "
            f"{report.size} bytes at {report.address:#x}"
        )


@cache
def library() -> ctypes.CDLL:
    """The machine, compiled once for these sources."""
    folder = Path(__file__).parent
    files = {name: (folder / name).read_text() for name in _SOURCES}
    files["opcodes.inc"] = _cases()
    digest = hashlib.sha256("\n".join([*files.values(), *_FLAGS]).encode()).hexdigest()[:32]
    name = f"ptx-emulator-{digest}.so"
    with tempfile.TemporaryDirectory() as place:
        built = Path(place) / name
        kept = disk_cache().read(name)
        if kept is None:
            _compile(files, built)
            disk_cache().write(name, built.read_bytes())
        else:
            built.write_bytes(kept)
        machine = ctypes.CDLL(str(built))
    pointer, number = ctypes.c_void_p, ctypes.c_int
    machine.launch.restype = None
    machine.launch.argtypes = [pointer, pointer, number, *[pointer] * 4, number]
    return machine


def _compile(files: dict[str, str], built: Path) -> None:
    if COMPILER is None:
        raise FileNotFoundError("the emulator needs a C compiler: install gcc, or name one in CC")
    for name, text in files.items():
        (built.parent / name).write_text(text)
    command = [COMPILER, *_FLAGS, "-o", built, built.parent / "machine.c", "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{COMPILER} failed: {done.stderr}")


def _cases() -> str:
    """The cases of the machine's switches."""
    parts = []
    for kind, table in (("THREAD", THREAD), ("WARP", WARP)):
        cases = [
            f"case {NUMBERS[name]}: {code}; break; /* {name} */" for name, code in table.items()
        ]
        parts += [f"#ifdef {kind}_CASES", *cases, "#endif"]
    return "\n".join(parts)


def _bits(number: Any) -> int:
    """A number as the bits of a register."""
    data = np.asarray(number).tobytes()
    return int.from_bytes(data, "little")


def _merged(arrays: Iterable[np.ndarray]) -> list[tuple[int, int]]:
    """Bounds of the memory of arrays, where those that share memory have one."""
    merged = list[tuple[int, int]]()
    for begin, end in sorted(np.lib.array_utils.byte_bounds(a) for a in arrays if a.size):
        if merged and begin < merged[-1][1]:
            begin, end = merged[-1][0], max(end, merged.pop()[1])
        merged.append((begin, end))
    return merged


def _pointer(array: np.ndarray) -> Any:
    return array.ctypes.data_as(ctypes.c_void_p)
