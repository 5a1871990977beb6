"""Reads machine code: the loops of a kernel, and what they move to and from memory; no GPU.

Wants `pip install nvidia-cuda-nvdisasm` besides what `ptx.py` wants.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.gpu.ptx import Toolkit, wheel

_LABEL = re.compile(r"^\s*(\.L_x_\d+):")
_CODE = re.compile(r"^\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?(.+?)\s*;")
_BRANCH = re.compile(r"^BRA.*`\((\.L_x_\d+)\)")
_ACCESS = re.compile(r"^(LDG?|STG?)\.E(?:\.\w+)*?(?:\.([US]?\d+))?(?:\.\w+)*$")


class Access(NamedTuple):
    """A load or store of memory outside the block, of one thread."""

    opcode: str  # LDG and STG are of global memory, LD and ST of any
    bytes: int


class Loop(NamedTuple):
    """An innermost loop."""

    instructions: tuple[str, ...]

    @property
    def loads(self) -> list[Access]:
        """Of an iteration."""
        return [a for a in self._accesses() if a.opcode.startswith("LD")]

    @property
    def stores(self) -> list[Access]:
        """Of an iteration."""
        return [a for a in self._accesses() if a.opcode.startswith("ST")]

    def _accesses(self) -> Iterator[Access]:
        for instruction in self.instructions:
            found = _ACCESS.match(instruction.split()[0])
            if found:
                yield Access(found[1], int((found[2] or "32").lstrip("US")) // 8)


def disassemble(toolkit: Toolkit, ptx: str, sm: str) -> str:
    """The machine code that ptxas makes of PTX, as text."""
    nvdisasm = wheel("nvidia.cu13", "nvidia-cuda-nvdisasm") / "bin/nvdisasm"
    with tempfile.TemporaryDirectory() as folder:
        cubin = Path(folder) / "kernel.cubin"
        assemble = [toolkit.ptxas, f"-arch={sm}", "-o", cubin, "/dev/stdin"]
        subprocess.run(assemble, input=ptx, text=True, check=True)
        done = subprocess.run([nvdisasm, "-c", cubin], capture_output=True, text=True, check=True)
    return done.stdout


def innermost_loops(text: str) -> list[Loop]:
    """The loops that hold no other loop, in their order."""
    code, labels = list[str](), dict[str, int]()
    for line in text.splitlines():
        if label := _LABEL.match(line):
            labels[label[1]] = len(code)
        elif found := _CODE.match(line):
            code.append(found[1])
    ranges = []
    for last, instruction in enumerate(code):
        branch = _BRANCH.match(instruction)
        first = labels[branch[1]] if branch else last
        if first < last:
            ranges.append((first, last))
    inner = [r for r in ranges if not any(r != o and r[0] <= o[0] <= o[1] <= r[1] for o in ranges)]
    return [Loop(tuple(code[first : last + 1])) for first, last in inner]
