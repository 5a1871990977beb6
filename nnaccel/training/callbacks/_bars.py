"""Where progress is drawn: a terminal, or a notebook."""

from __future__ import annotations

import html
import sys
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rich.console import Console


class Bar(Protocol):
    """A bar with a label before it and text behind it, and lines that stay.

    Attributes
    ----------
    width : int or None
        Columns of a line; None where there is room for any.
    """

    width: int | None

    def show(self, label: str, share: float | None, text: str) -> None:
        """Draw it, filled to a share; None where no end is known."""

    def print(self, line: str) -> None:
        """Leave a line."""

    def close(self) -> None:
        """Remove the bar."""


def make_bar(console: Console | None) -> Bar | None:
    """Return the bar of a notebook or of a terminal; None where there is neither."""
    if console is None and in_notebook():
        return NotebookBar()
    is_terminal = console.is_terminal if console else sys.stdout.isatty()
    return TerminalBar(console) if is_terminal else None


def in_notebook() -> bool:
    """Whether a kernel of Jupyter's runs this process."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


class TerminalBar:
    """A bar at the end of what a terminal shows, drawn by `show` only, removed by `close`."""

    def __init__(self, console: Console | None) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[text]}", markup=False),
            console=console,
            auto_refresh=False,
            transient=True,
            expand=True,
        )
        self._task = self._progress.add_task("", visible=False, text="")
        self._progress.start()
        self.width: int | None = self._progress.console.width

    def show(self, label: str, share: float | None, text: str) -> None:
        """As `Bar.show`."""
        completed, total = (0, None) if share is None else (share, 1.0)
        self._progress.update(self._task, completed=completed, total=total, visible=True)
        self._progress.update(self._task, description=label, text=text)
        self._progress.refresh()

    def print(self, line: str) -> None:
        """As `Bar.print`."""
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """As `Bar.close`; the cursor is back."""
        self._progress.stop()


class NotebookBar:
    """A bar above the cell's lines, in the page's own colours."""

    width: int | None = None

    def __init__(self) -> None:
        from IPython.display import display

        self._handle: Any = display(_nothing(), raw=True, display_id=True)

    def show(self, label: str, share: float | None, text: str) -> None:
        """As `Bar.show`."""
        value = "" if share is None else f' value="{share:.4f}"'
        shown = f"{html.escape(label)} <progress{value}></progress> {html.escape(text)}"
        plain = f"{label}  {text}"
        self._handle.update({"text/html": f"<code>{shown}</code>", "text/plain": plain}, raw=True)

    def print(self, line: str) -> None:
        """As `Bar.print`."""
        print(line, flush=True)

    def close(self) -> None:
        """As `Bar.close`."""
        self._handle.update(_nothing(), raw=True)


def _nothing() -> dict[str, str]:
    return {"text/html": "", "text/plain": ""}
