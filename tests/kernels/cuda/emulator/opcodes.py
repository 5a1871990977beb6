"""What each PTX instruction does, in C: operands are d, a, b, c in turn, or `R(i)`.

Each is a register, a union with a member for each type. Instructions of a warp, which `warp.c`
performs, see the registers of all lanes. An instruction that is not here makes `canonical` raise:
add a line, and a test in `test_emulator_instructions.py`.
"""

from __future__ import annotations

import re
from functools import cache

from .arithmetic import ARITHMETIC, TYPES, c_type
from .parse import Instruction

_SPACES = ("", ".global", ".shared")


def _memory() -> dict[str, str]:
    """Loads and stores; an address is a base and an offset."""
    table = {"cvta.to.global": "d.u64 = a.u64", "cvta.global": "d.u64 = a.u64"}
    table["cvta.shared"] = "d.u64 = a.u64 + SHARED_WINDOW"
    table["cvta.to.shared"] = "d.u64 = a.u64 - SHARED_WINDOW"
    for space in _SPACES:
        for t in TYPES:
            into = f"{t[0]}64" if t[0] in "us" else f"u{t[1:]}"  # integers fill a register
            name = f"{space or '.generic'}".lstrip(".").upper()
            member = t.replace("b", "u") if t[0] != "f" else f"u{t[1:]}"
            table[f"ld{space}.{t}"] = f"LOAD({name}, {into}, {c_type(member)})"
            table[f"st{space}.{t}"] = f"STORE({name}, {member}, {c_type(member)})"
    for t in TYPES:  # parameters are registers: an address of one is itself
        table[f"ld.param.{t}"] = table[f"st.param.{t}"] = "d.u64 = a.u64"
    return table


def _control() -> dict[str, str]:
    return {
        "bra": "JUMP",
        "call": "",
        "ret": "",
        "exit": "STOP(FINISHED)",
        "bar.sync": "STOP(AT_BARRIER)",
        "cp.async": "copy_later(t, at)",
        "cp.async.commit_group": "commit_copies(t)",
        "cp.async.wait_group": "finish_copies(t, d.u32)",
        "cp.async.wait_all": "finish_all_copies(t)",
    }


def _warp() -> dict[str, str]:
    """Instructions of all lanes together."""
    table = {f"shfl.sync.{mode}.b32": f"shuffle(lanes, at, '{mode[0]}')" for mode in _SHUFFLES}
    for k, kind in ((4, "tf32"), (8, "tf32"), (8, "bf16"), (16, "bf16"), (8, "f16"), (16, "f16")):
        name = f"mma.sync.aligned.m16n8k{k}.row.col.f32.{kind}.{kind}.f32"
        table[name] = f"multiply(lanes, at, {k}, {kind.upper()})"
    for count in (1, 2, 4):
        for trans in ("", ".trans"):
            name = f"ldmatrix.sync.aligned.m8n8.x{count}{trans}.shared.b16"
            table[name] = f"load_matrices(lanes, at, {count}, {int(bool(trans))})"
    return table


_SHUFFLES = ("up", "down", "bfly", "idx")

THREAD = ARITHMETIC | _memory() | _control()
WARP = _warp()
NUMBERS = {name: number for number, name in enumerate([*THREAD, *WARP])}

#: What an instruction may say that makes no difference here.
_HINTS = re.compile(r"\.(uni|v2|v4|nc|volatile|L2::\w+|L1::\w+)(?=\.|$)|(?<=shared)::cta")


@cache
def _without_hints(opcode: str) -> str:
    return _HINTS.sub("", opcode)


def canonical(read: Instruction) -> str:
    """The name in `NUMBERS` of an instruction.

    Raises
    ------
    NotImplementedError
        If there is none.
    """
    name = _without_hints(read.opcode)
    if name.startswith("mov.") and read.vector >= 0:
        name = name.replace("mov", "pack" if read.vector else "unpack")
    elif name.startswith("cvta."):
        name = name.removesuffix(".u64").removesuffix(".u32")
    elif re.fullmatch(r"cp\.async\.c[ag]\.shared\.global", name):
        name = "cp.async"
    elif name.startswith(("ld.param", "st.param")):
        at = 1 if name.startswith("ld") else 0
        if read.operands.pop(at + 1) != "0":
            raise NotImplementedError(f"the emulator takes no part of a parameter: {read.text}")
    if name not in NUMBERS or (name == "bar.sync" and read.operands != ["0"]):
        raise NotImplementedError(f"the emulator lacks {name}, add it to opcodes.py: {read.text}")
    return name
