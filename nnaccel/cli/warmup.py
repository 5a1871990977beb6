"""`nnaccel warmup`: compile beforehand what the first trainings would wait for."""

from __future__ import annotations

import time

import click

import nnaccel_kernels
from nnaccel.cli._common import backend_option, choose_backend, debug_option, echo
from nnaccel.cli._progress import progress


@click.command("warmup")
@click.option(
    "--dtype",
    default="float32",
    show_default=True,
    type=click.Choice(["float32", "float64"]),
    help="Of the arrays that kernels are compiled for.",
)
@backend_option
@debug_option
def warmup_command(dtype: str, backend: str | None) -> None:
    """Compile now what the first training needs, and keep it on disk.

    Otherwise each is compiled when it is first called. What is on disk already is only loaded.
    """
    from nnaccel.backends import get_backend
    from nnaccel_kernels.disk_cache import disk_cache

    choose_backend(backend)
    name = get_backend().name
    if name == "numpy":
        echo("nothing to do: the backend numpy has no kernels to compile")
        return
    cache = disk_cache()
    _refuse(cache.problem if cache.folder is None else "")
    start = time.perf_counter()
    count = _run(dtype)
    _refuse(cache.problem)
    seconds = time.perf_counter() - start
    echo(
        f"compiled {count} kernel{'s' * (count != 1)} for {name} in {seconds:.1f} s; they are kept "
        f"in {cache.root} ({cache.size() / 1e6:.1f} MB)"
    )


def _refuse(problem: str) -> None:
    if problem:
        raise click.ClickException(f"compiled kernels cannot be kept: {problem}")


def _run(dtype: str) -> int:
    """Call everything once, and return how many kernels had to be compiled."""
    from nnaccel.cli._exercises import exercises

    compiled: list[str] = []
    todo = exercises(dtype)
    nnaccel_kernels.on_compiled = compiled.append
    try:
        with progress(len(todo)) as show:
            for exercise in todo:
                show(exercise.name)
                exercise.run()
    finally:
        nnaccel_kernels.on_compiled = None
    return len(compiled)
