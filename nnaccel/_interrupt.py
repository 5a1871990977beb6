"""Ctrl-C in the command line: status 130 without a traceback, from the first import to the exit.

Imported before all else, so that it is in force during the other imports.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

STATUS = 130
_may_raise = False  # only while a command runs: before and after it nothing catches the exception


class Raised:
    """In the `with` block the first Ctrl-C is a KeyboardInterrupt; a second ends the process."""

    def __enter__(self) -> None:
        _let_raise(True)

    def __exit__(self, *_: object) -> None:
        _let_raise(False)
        # An exception that left an `exec` of text, as of namedtuple, makes Python end by the signal
        # although it was caught; the next `exec` forgets that.
        exec("")
        if signal.getsignal(signal.SIGINT) is _on_interrupt and hasattr(signal, "pthread_sigmask"):
            # Python's own end gives the signal back to the system, which would kill the process.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _let_raise(value: bool) -> None:
    global _may_raise
    _may_raise = value


def _on_interrupt(_: int, frame: FrameType | None) -> None:
    if _may_raise and not _is_importing(frame):
        _let_raise(False)
        raise KeyboardInterrupt
    _leave()


def _is_importing(frame: FrameType | None) -> bool:
    """Whether an import is under way: some, as Numba's, turn the exception into an ImportError."""
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def _on_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """End the process where a KeyboardInterrupt would be lost, as in a callback from C."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        _leave()
    sys.__unraisablehook__(unraisable)


def end() -> NoReturn:
    """End the process after a KeyboardInterrupt.

    In the command line at once: it may have come while LLVM freed memory, which Python's own end
    would free again. Under MPI the other ranks wait for that end.
    """
    if signal.getsignal(signal.SIGINT) is _on_interrupt and "mpi4py" not in sys.modules:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(STATUS)
    sys.exit(STATUS)


def _leave() -> None:
    os.write(2, b"nnaccel: interrupted\n")
    os._exit(STATUS)


def _is_command_line() -> bool:
    """Whether this process is `nnaccel` or `python -m nnaccel`, not a program that imports it."""
    program = sys.argv[0] if sys.argv else ""
    as_module = program == "-m" and "nnaccel" in sys.orig_argv  # "-m" while it is imported
    return as_module or os.path.splitext(os.path.basename(program))[0] == "nnaccel"


if _is_command_line() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _on_interrupt)
    sys.unraisablehook = _on_unraisable
