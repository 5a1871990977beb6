"""Runs PTX on a CPU: the code that a GPU gets, with its block sizes and arguments, and with checks.

`parse` reads PTX, `program` makes instructions of it, `opcodes` says in C what each of them does,
and `machine` builds the C program that executes them and launches kernels on it: one thread after
another from one barrier to the next, and the threads of a warp together where an instruction is the
warp's. It finds accesses out of bounds or misaligned, shared memory read before it is written or
before its copy has arrived, races, barriers and warp instructions that not all threads reach, and
divisions of integers by zero.

Approximate roots and reciprocals of float32 have the largest error that PTX allows them. It says
nothing of what ptxas makes of the PTX, of the error of other approximate functions (here they are
exact), of weak memory order, or of time.
"""

from .machine import KernelError, launch
from .program import assemble

__all__ = ["KernelError", "assemble", "launch"]
