"""The program that starts ranks."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

__all__ = ["find_mpiexec"]


def find_mpiexec() -> str:
    """Return the path of the mpiexec that was installed beside this Python, else of any other.

    Raises
    ------
    ModuleNotFoundError
        If there is none.
    """
    beside = Path(sys.executable).parent / "mpiexec"
    found = str(beside) if beside.is_file() else shutil.which("mpiexec")
    if found is None:
        raise ModuleNotFoundError(
            "there is no mpiexec, neither beside this Python nor on the path. To fix: pip install "
            "mpi4py mpich"
        )
    return found
