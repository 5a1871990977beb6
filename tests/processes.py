"""Python in a process of its own, on this checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from nnaccel import _config

Done = subprocess.CompletedProcess[str]

ROOT = Path(__file__).resolve().parents[1]

#: What a process needs to import both packages, wherever it runs.
ON_PATH = {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "kernels")))}

#: Seconds after which a process or a thread hangs: many times what any needs on a busy machine.
HANGS = 900


def offline(folder: Path) -> dict[str, str]:
    """Variables of a process that finds no data in `folder` or elsewhere, and no network."""
    (folder / "data").mkdir()
    (folder / "cache").mkdir()
    kernels = _config.kernel_dir()
    assert kernels is not None
    kernels.mkdir(parents=True, exist_ok=True)
    (folder / "cache" / "kernels").symlink_to(kernels, target_is_directory=True)
    places = {"NNACCEL_DATA": str(folder / "data"), "NNACCEL_CACHE": str(folder / "cache")}
    nobody = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    return places | nobody | {name.upper(): url for name, url in nobody.items()}


def python(
    *args: object, cwd: Path = ROOT, env: Mapping[str, str] | None = None, **more: str
) -> Done:
    """Run `python …` to its end, good or bad.

    Parameters
    ----------
    *args : object
        As on a command line.
    cwd : Path, optional
    env : mapping, optional
        The whole environment; this process's, with both packages on the path, by default.
    **more : str
        Variables beside those.
    """
    return subprocess.run(
        [sys.executable, *map(str, args)],
        cwd=cwd,
        env={**(os.environ | ON_PATH if env is None else env), **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=HANGS,
    )
