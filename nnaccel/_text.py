"""Text from files and from users, made safe to print."""

from __future__ import annotations

import re
import shutil
import sys

# C0 and C1 controls, separators of lines, marks that turn the writing direction, lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def escaped(text: str) -> str:
    r"""Return the text on one line, with escapes such as ``\x1b`` for what a terminal obeys.

    Examples
    --------
    >>> print(escaped("Köln\x1b[2J"))
    Köln\x1b[2J
    """
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def escaped_json(text: str) -> str:
    r"""Return JSON with ``\u009b`` for what a terminal obeys inside its strings."""
    return _UNSAFE.sub(
        lambda match: match[0] if match[0] == "\n" else f"\\u{ord(match[0]):04x}", text
    )


def shorten(text: str, length: int = 80) -> str:
    """Return the text on one line, escaped and cut to a length."""
    line = escaped(text)
    return line if len(line) <= length else f"{line[: length - 1]}…"


def terminal_width() -> int | None:
    """Return how many columns the terminal has that the output goes to; None where it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
