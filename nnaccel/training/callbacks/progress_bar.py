"""The progress bar."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import nnaccel_kernels
from nnaccel.training.callbacks._bars import Bar, make_bar
from nnaccel.training.callbacks._base import Callback, Logs
from nnaccel.training.callbacks._progress_text import duration, fit

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["ProgressBar"]

#: Seconds between two refreshes of the bar, each of which takes a millisecond or two.
_INTERVAL = 0.2
#: Columns that a bar has at least, with its margins.
_BAR = 10
#: Seconds of compiling from which on an epoch's line tells of them.
_TOLD = 0.05


class ProgressBar(Callback):
    """Prints a line for each epoch and, on a terminal or in a notebook, a bar for the current one.

    The rate counts training only: neither validation nor the compiling of kernels, which delays
    the first epoch of a new installation. No line is wider than the terminal.

    Parameters
    ----------
    verbose : int, default 1
        0 prints nothing, 1 lines and the bar, 2 lines only. Where output goes to a file there is no
        bar.
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
        self._bar: Bar | None = None

    def on_train_begin(self, logs: Logs) -> None:
        """Show the bar, if there is a terminal or a notebook."""
        self.close()
        self._begun: float | None = None
        if self.verbose == 1:
            self._bar = make_bar(self._console)
        if self._bar:
            self._drawn = time.perf_counter()
            nnaccel_kernels.on_compiled = self._show_compiled

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        """Start the clock."""
        self._epoch, self._label = epoch, f"epoch {epoch + 1}/{self.params['epochs']}"
        self._batch = self.params["steps"] or 0  # all of them, if no progress is reported
        self._start, self._elapsed = time.perf_counter(), 0.0
        self._compiled_before = nnaccel_kernels.compile_seconds
        if self._begun is None:
            self._begun, self._first = self._start, epoch
            self._compiled_first = self._compiled_before
            if self._bar:  # later epochs may be shorter than drawing takes
                self._bar.show(self._label, None, "starting")

    def on_progress(self, batch: int, logs: Mapping[str, float]) -> None:
        """Update the bar, a few times a second at most."""
        now = time.perf_counter()
        self._batch, self._elapsed = batch, now - self._start
        if self._bar and now - self._drawn >= _INTERVAL:
            self._drawn = now
            steps = self.params["steps"]
            share = batch / steps if steps else None
            width = self._bar.width and self._bar.width - len(self._label) - _BAR
            text = fit("", logs, self._rate(), [self._left(now, share or 0.0)], width)
            self._bar.show(self._label, share, text)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Print this epoch's line."""
        seconds = time.perf_counter() - self._start
        self._elapsed = self._elapsed or seconds  # without validation, if progress was reported
        compiling = nnaccel_kernels.compile_seconds - self._compiled_before
        times = [f"{seconds:.2f} s"]
        if compiling > _TOLD:
            times.append(f"({compiling:.1f} s compiling, once)")
        width = self._bar.width if self._bar else None
        self.say(fit(self._label, logs, self._rate(), times, width))

    def say(self, line: str) -> None:
        """Print a line, unless nothing is to be printed."""
        if self._bar:
            self._bar.print(line)
        elif self.verbose:
            print(line, flush=True)

    def on_train_end(self, logs: Logs) -> None:
        """Remove the bar."""
        self.close()

    def close(self) -> None:
        """Remove the bar and restore the terminal's cursor."""
        if self._bar:
            nnaccel_kernels.on_compiled = None
            self._bar.close()
            self._bar = None

    def _show_compiled(self, kernel: str) -> None:
        """Show that a kernel was compiled, which delays the first epoch of a new installation."""
        if self._bar:
            self._bar.show(getattr(self, "_label", ""), None, f"compiling, once: {kernel} is ready")

    def _rate(self) -> str:
        """Images a second in this epoch; batches a second if their size is unknown."""
        compiling = nnaccel_kernels.compile_seconds - self._compiled_before
        seconds = max(self._elapsed - compiling, 1e-9)
        if self.params["batch_size"] is None:
            return f"{self._batch / seconds:,.1f} batches/s"
        images = self._batch * self.params["batch_size"]
        return f"{min(images, self.params['samples'] or images) / seconds:,.0f} images/s"

    def _left(self, now: float, share: float) -> str:
        """Time until the last epoch ends, by how long it took so far; empty where unknown."""
        done = self._epoch - self._first + share
        if self._begun is None or done <= 0:
            return ""
        spent = now - self._begun - (nnaccel_kernels.compile_seconds - self._compiled_first)
        left = (self.params["epochs"] - self._first - done) * max(spent, 0.0) / done
        return f"{duration(left)} left"
