"""The progress bar."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import nnaccel_kernels
from nnaccel.training.callbacks._base import Callback, Logs

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

__all__ = ["ProgressBar"]

#: Seconds between two refreshes of the bar, each of which takes a millisecond or two.
_INTERVAL = 0.2


class ProgressBar(Callback):
    """Prints a line for each epoch and, on a terminal, a bar for the current one.

    Parameters
    ----------
    verbose : int, default 1
        0 prints nothing, 1 lines and the bar, 2 lines only. Without a terminal there is no bar.
    console : rich.console.Console, optional
        Console of the bar; the standard output by default.

    Raises
    ------
    ValueError
        If `verbose` is none of these.

    Examples
    --------
    >>> bar = ProgressBar(verbose=2)
    >>> bar.set_params({"epochs": 5, "steps": 469, "samples": 60_000, "batch_size": 128})
    """

    first_rank_only = True

    def __init__(self, verbose: int = 1, console: Console | None = None) -> None:
        if verbose not in (0, 1, 2):
            raise ValueError(f"verbose={verbose!r} must be 0 (nothing), 1 (a bar) or 2 (lines)")
        self.verbose = int(verbose)
        self._console = console
        self._bar: Progress | None = None

    def on_train_begin(self, logs: Logs) -> None:
        """Show the bar, if there is a terminal."""
        self.close()
        terminal = self._console.is_terminal if self._console else sys.stdout.isatty()
        if self.verbose == 1 and terminal:
            self._bar = _make_bar(self._console)
            self._bar.add_task("", visible=False, stats="")
            self._bar.start()
            self._drawn = time.perf_counter()
            nnaccel_kernels.on_compiled = self._show_compiled

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        """Start the clock."""
        self._label = f"epoch {epoch + 1}/{self.params['epochs']}"
        self._batch = self.params["steps"] or 0  # all of them, if no progress is reported
        self._start = time.perf_counter()
        self._elapsed = 0.0
        if self._bar:
            task, steps = self._bar.task_ids[0], self.params["steps"]
            self._bar.update(task, total=steps, completed=0, stats="", visible=True)
            self._bar.update(task, description=self._label)

    def on_progress(self, batch: int, logs: Mapping[str, float]) -> None:
        """Update the bar, a few times a second at most."""
        now = time.perf_counter()
        self._batch, self._elapsed = batch, now - self._start
        if self._bar and now - self._drawn >= _INTERVAL:
            self._drawn = now
            stats = f"{_describe(logs)}  {self._rate()}"
            self._bar.update(self._bar.task_ids[0], completed=batch, stats=stats)
            self._bar.refresh()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Print this epoch's line."""
        seconds = time.perf_counter() - self._start
        self._elapsed = self._elapsed or seconds  # without validation, if progress was reported
        line = f"{self._label}  {_describe(logs)}  {self._rate()}  {seconds:.2f} s"
        if self._bar:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        elif self.verbose:
            print(line, flush=True)

    def on_train_end(self, logs: Logs) -> None:
        """Remove the bar."""
        self.close()

    def close(self) -> None:
        """Remove the bar and restore the terminal's cursor."""
        if self._bar:
            nnaccel_kernels.on_compiled = None
            self._bar.stop()
            self._bar = None

    def _show_compiled(self, kernel: str) -> None:
        """Show that a kernel was compiled, which delays the first epoch of a new installation."""
        if self._bar:
            stats = f"compiling, once: {kernel} is ready"
            self._bar.update(self._bar.task_ids[0], visible=True, stats=stats)
            self._bar.refresh()

    def _rate(self) -> str:
        """Images a second in this epoch; batches a second if their size is unknown."""
        seconds = max(self._elapsed, 1e-9)
        if self.params["batch_size"] is None:
            return f"{self._batch / seconds:,.1f} batches/s"
        images = self._batch * self.params["batch_size"]
        return f"{min(images, self.params['samples'] or images) / seconds:,.0f} images/s"


def _make_bar(console: Console | None) -> Progress:
    """Bar that is drawn by `refresh` only, and removed when it stops."""
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[stats]}", markup=False),
        console=console,
        auto_refresh=False,
        transient=True,
        expand=True,
    )


def _describe(logs: Mapping[str, float]) -> str:
    """Names and values, in the order of the logs."""
    return "  ".join(f"{name} {_short(value)}" for name, value in logs.items())


def _short(value: float) -> str:
    """Number with four decimals, or three digits if it is below 0.001."""
    return f"{value:.4f}" if value == 0 or abs(value) >= 1e-3 else f"{value:.2e}"
