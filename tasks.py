"""What there is to do in a checkout: `python tasks.py test`, or `make test`, which calls this.

It needs Python and nothing else. What a task needs is installed first, in .venv.
"""

from __future__ import annotations

import inspect
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PARALLEL = "-n", "auto", "--dist", "worksteal"
MADE = [
    *(".venv", "dist", "docs/_build", "docs/ladder", "docs/reference"),
    *(".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".benchmarks"),
]


def train(*options: str) -> None:
    """Install, then train on MNIST (or digits); options go to nnaccel."""
    in_venv("", "-m", "nnaccel", "train", *options)


def test(*options: str) -> None:
    """Install, then run the tests; options go to pytest, such as -k wheel."""
    in_venv("test", "-m", "pytest", *PARALLEL, *options)


def check(*options: str) -> None:
    """Lint, then run the quick tests: what most changes need."""
    lint()
    test("-m", "not slow", *options)


def lint() -> None:
    """Run ruff and mypy."""
    in_venv("test", "-m", "ruff", "check", ".")
    in_venv("test", "-m", "ruff", "format", "--check", ".")
    in_venv("test", "-m", "mypy")


def bench(*options: str) -> None:
    """Race nnaccel against PyTorch, JAX and others; rewrites README's tables."""
    for race in ("run", "conv", "cnn"):
        in_venv("bench", f"benchmarks/{race}.py", *options)
    for measurement in ("memory", "conv_memory", "startup", "table"):
        in_venv("bench", f"benchmarks/{measurement}.py")


def gpu_check(*options: str) -> None:
    """On a machine with a GPU: tests marked gpu, then benchmarks; installs nothing."""
    paths = [str(ROOT), str(ROOT / "kernels"), *filter(None, [os.environ.get("PYTHONPATH")])]
    run(sys.executable, "-m", "benchmarks.gpu", *options, PYTHONPATH=os.pathsep.join(paths))


def docs() -> None:
    """Build the site in docs/_build/html; a warning is an error."""
    in_venv("docs", "-m", "sphinx", "-E", "-W", "--keep-going", "-q", "docs", "docs/_build/html")


def pictures() -> None:
    """Draw README's pictures anew."""
    for rung in ("01_least_squares", "03_spirals"):
        in_venv("test", f"../examples/{rung}.py", folder="docs")


def clean() -> None:
    """Remove the environment and all that was built."""
    for made in [*(ROOT / name for name in MADE), *list(ROOT.rglob("__pycache__"))]:
        shutil.rmtree(made, ignore_errors=True)


TASKS = {
    task.__name__.replace("_", "-"): task
    for task in (train, test, check, lint, bench, gpu_check, docs, pictures, clean)
}


def in_venv(extra: str, *arguments: str, folder: str = ".") -> None:
    """Run Python in .venv, with what an extra of pyproject.toml names; in `folder`."""
    install(extra)
    run(program("python"), *arguments, folder=folder)


def install(extra: str) -> None:
    """Install nnaccel with an extra, unless that was done since pyproject.toml changed."""
    if not Path(program("pip")).exists():
        if sys.version_info < (3, 11):  # noqa: UP036 - this file runs on older ones
            version = ".".join(map(str, sys.version_info[:2]))
            sys.exit(
                f"nnaccel needs Python 3.11 or newer, this is {version}; name one: "
                "python3.12 tasks.py …, or make PYTHON=python3.12 …"
            )
        run(sys.executable, "-m", "venv", "--clear", str(VENV))
    stamp = VENV / (f"installed-{extra}" if extra else "installed")
    wanted = (ROOT / "pyproject.toml").stat().st_mtime
    if not stamp.exists() or stamp.stat().st_mtime < wanted:
        what = f".[{extra}]" if extra else "."
        print(f"pip install -e '{what}', in .venv", flush=True)
        run(program("python"), "-m", "pip", "install", "-q", "-e", what)
        stamp.touch()


def program(name: str) -> str:
    """Path of a program of .venv."""
    folder, suffix = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
    return os.path.join(VENV, folder, f"{name}{suffix}")


def run(*command: str, folder: str = ".", **variables: str) -> None:
    """Run a command in a folder of the checkout, and leave with its status where it fails."""
    # Tests that pytest has rewritten are kept from one run to the next, even where bytecode is not.
    variables.setdefault("PYTHONDONTWRITEBYTECODE", "")
    status = subprocess.call(command, cwd=ROOT / folder, env={**os.environ, **variables})
    if status:
        sys.exit(status if status > 0 else 128 - status)


def main(arguments: list[str]) -> None:
    """Run the task that is named first, with the options after it; list the tasks for any other."""
    name, *options = arguments or ["help"]
    if name in TASKS:
        if options and not inspect.signature(TASKS[name]).parameters:
            sys.exit(f"{name} takes no options, but got {' '.join(options)}")
        # Ctrl-C is for the program that runs: it says what was interrupted, and its status counts.
        signal.signal(signal.SIGINT, lambda number, frame: None)
        TASKS[name](*options)
        return
    for known, task in TASKS.items():
        print(f"{known:<10} {task.__doc__}")
    if name not in ("help", "-h", "--help"):
        sys.exit(f"there is no task {name!r}")


if __name__ == "__main__":
    main(sys.argv[1:])
