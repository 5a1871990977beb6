"""Instructions as the machine takes them: an opcode's number, and operands that are registers.

Everything an instruction names is a register of the thread: constants, parameters and special
registers are ones that hold their value from the start. Device functions are inlined.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .opcodes import NUMBERS, canonical
from .parse import Function, Instruction, Module, instruction, parse, statements

OPERANDS = 16  # at most
SHARED_BASE = 1024  # address of the first shared array, in its own space
NOTHING = 0x7FF8_7E00_7FC0_7E00  # in registers not written: NaN of each size, nobody's address

SPECIAL = [f"%{name}.{axis}" for name in ("tid", "ntid", "ctaid", "nctaid") for axis in "xyz"]
SPECIAL.append("%laneid")

INSTRUCTION = np.dtype(
    [(name, np.int32) for name in ("opcode", "guard", "negated", "target", "count")]
    + [("operands", np.int32, OPERANDS)]
)
_REGISTERS = re.compile(r"(%?[\w$]+)(?:<(\d+)>)?")
_IGNORED = (".pragma", ".loc", ".shared", ".file")


class Program(NamedTuple):
    """A kernel for the machine.

    Attributes
    ----------
    instructions : ndarray
        Of `INSTRUCTION`.
    texts : list of str
        Each of them as it was written.
    registers : ndarray of uint64
        What a thread's registers hold when it starts.
    parameters, special : list of int
        Registers of the kernel's parameters, and of `SPECIAL`; -1 where one is not used.
    shared_bytes : int
    """

    instructions: np.ndarray
    texts: list[str]
    registers: np.ndarray
    parameters: list[int]
    special: list[int]
    shared_bytes: int


@lru_cache(64)
def assemble(ptx: str) -> Program:
    """Return the program of the only kernel in a PTX text.

    Raises
    ------
    NotImplementedError
        If `opcodes.py` has nothing for an instruction.
    """
    module = parse(ptx)
    (kernel,) = (function for function in module.functions.values() if function.is_kernel)
    return _Assembler(module).program(kernel)


class _Assembler:
    """The registers and instructions so far."""

    def __init__(self, module: Module) -> None:
        self.functions = module.functions
        self.values = list[int]()  # what registers hold at the start
        self.known = dict[str, int]()  # registers of constants, special registers, shared arrays
        self.rows = list[tuple[Instruction, str, list[int], str]]()
        self.labels = dict[str, int]()
        self.inlined = 0
        self.shared_bytes = 0
        for name, align, size in module.shared:
            begin = -(-self.shared_bytes // align) * align
            self.known[name] = self._register(SHARED_BASE + begin)
            self.shared_bytes = begin + size

    def program(self, kernel: Function) -> Program:
        parameters = [self._register() for _ in kernel.parameters]
        self._inline(kernel, parameters, [])
        table = np.zeros(len(self.rows), INSTRUCTION)
        for row, (read, opcode, operands, label) in zip(table, self.rows, strict=True):
            guard = operands.pop() if read.guard else -1
            row["opcode"], row["guard"], row["negated"] = NUMBERS[opcode], guard, read.negated
            row["target"] = self.labels[label] if label else -1
            row["count"] = len(operands)
            row["operands"][: len(operands)] = operands
        return Program(
            table,
            [read.text for read, *_ in self.rows],
            np.array(self.values, np.uint64),
            parameters,
            [self.known.get(name, -1) for name in SPECIAL],
            self.shared_bytes,
        )

    def _register(self, value: int = NOTHING) -> int:
        self.values.append(value)
        return len(self.values) - 1

    def _inline(
        self, function: Function, parameters: Sequence[int], results: Sequence[int]
    ) -> None:
        """Append a function's instructions; its results are in the given registers at the end."""
        self.inlined += 1
        place, names = f"/{self.inlined}", [*function.parameters, *function.results]
        scopes = [dict(zip(names, [*parameters, *results], strict=True))]
        for text in statements(function.body):
            if text == "{":
                scopes.append({})
            elif text == "}":
                scopes.pop()
            elif text.endswith(":"):
                self.labels[text[:-1] + place] = len(self.rows)
            elif text.startswith((".reg", ".param")):
                self._declare(text, scopes[-1])
            elif not text.startswith(_IGNORED):
                self._append(instruction(text), scopes, place, function)
        self.labels["end" + place] = len(self.rows)
        if function.is_kernel:
            self._append(instruction("exit"), scopes, place, function)

    def _declare(self, text: str, scope: dict[str, int]) -> None:
        """`.reg .b32 %r<9>, word` or `.param .b64 retval0`."""
        for name, count in _REGISTERS.findall(text.split(maxsplit=2)[2]):
            names = [f"{name}{i}" for i in range(int(count))] if count else [name]
            scope.update((each, self._register()) for each in names)

    def _append(
        self, read: Instruction, scopes: list[dict[str, int]], place: str, function: Function
    ) -> None:
        operands, label = read.operands, ""
        opcode = canonical(read)
        if opcode == "call":
            self._call(read, scopes)
            return
        if opcode == "bra":
            label, operands = operands[0] + place, []
        elif opcode == "ret":
            opcode, label = "bra", "end" + place
        named = [*operands, *([read.guard] if read.guard else [])]
        self.rows.append((read, opcode, [self._find(name, scopes) for name in named], label))

    def _call(self, read: Instruction, scopes: list[dict[str, int]]) -> None:
        names = read.operands
        (at,) = (i for i, name in enumerate(names) if name in self.functions)
        registers = [self._find(name, scopes) for name in names[:at] + names[at + 1 :]]
        self._inline(self.functions[names[at]], registers[at:], registers[:at])

    def _find(self, name: str, scopes: list[dict[str, int]]) -> int:
        """The register that an operand names."""
        for scope in reversed(scopes):
            if name in scope:
                return scope[name]
        if name not in self.known:
            self.known[name] = self._register(_value(name))
        return self.known[name]


def _value(name: str) -> int:
    """What a constant is in a register; special registers are filled when a thread starts."""
    if name in SPECIAL or name == "_":
        return NOTHING
    if found := re.fullmatch(r"0[fFdD]([0-9a-fA-F]+)", name):
        return int(found[1], 16)
    try:
        return int(name, 0) & 0xFFFF_FFFF_FFFF_FFFF
    except ValueError:
        raise NotImplementedError(f"the emulator knows no {name}") from None
