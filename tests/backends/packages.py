"""Installed packages with entry points, without installing any."""

from __future__ import annotations

from pathlib import Path

GROUP = "nnaccel.backends"


def install(folder: Path, package: str, entry_points: dict[str, str]) -> None:
    """Write what an installer notes of a package into a folder of `sys.path`."""
    notes = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    notes.mkdir()
    (notes / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"[{GROUP}]", *(f"{name} = {value}" for name, value in entry_points.items())]
    (notes / "entry_points.txt").write_text("\n".join(lines) + "\n")
