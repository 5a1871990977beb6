"""Writes results to a folder, with the command, time and machine that made them."""

from __future__ import annotations

import json
import os
import shlex
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nnaccel.bench.machine import measure_machine

RESULTS = Path(__file__).parent / "results"


def provenance() -> dict[str, Any]:
    """The command, time and machine of a result."""
    script = Path(sys.argv[0]).resolve()
    root = RESULTS.parents[1]
    name = script.relative_to(root) if script.is_relative_to(root) else script.name
    return {
        "command": shlex.join(["python", str(name), *sys.argv[1:]]),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": asdict(measure_machine()),
    }


def write(name: str, content: dict[str, Any], folder: Path = RESULTS) -> Path:
    """Write `name` into the folder atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    beside = path.with_suffix(".part")
    beside.write_text(f"{json.dumps(content, indent=2)}\n", encoding="utf-8")
    os.replace(beside, path)
    return path
