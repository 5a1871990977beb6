"""Tables for notebooks, in the page's own colours and fonts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

#: How a cell lies: text left, numbers right; preformatted, since indentation has a meaning.
_STYLE = {"l": "text-align: left; white-space: pre", "r": "text-align: right"}


def table(
    head: Sequence[str], rows: Iterable[Sequence[object]], align: str, caption: str = ""
) -> str:
    """Return a table.

    Parameters
    ----------
    head : sequence of str
        Names of the columns.
    rows : iterable of sequence
        Cells, which are shown by `str`.
    align : str
        A letter for each column: l or r.
    caption : str, optional
        A line above it.

    Examples
    --------
    >>> print(table(["name", "size"], [["a<b", 3]], "lr"))
    <table><thead><tr><th style="text-align: left; white-space: pre">name</th>\
<th style="text-align: right">size</th></tr></thead>
    <tbody><tr><td style="text-align: left; white-space: pre">a&lt;b</td>\
<td style="text-align: right">3</td></tr></tbody></table>
    """
    shown = "\n".join(_row("td", row, align) for row in rows)
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{above}<thead>{_row('th', head, align)}</thead>\n<tbody>{shown}</tbody></table>"


def lines(text: Iterable[str]) -> str:
    """Return lines of text, each as it is; nothing for none."""
    shown = "\n".join(text).strip("\n")
    return f"<pre>{escape(shown)}</pre>" if shown else ""


def _row(tag: str, cells: Sequence[object], align: str) -> str:
    pairs = zip(cells, align, strict=True)
    inside = "".join(f'<{tag} style="{_STYLE[a]}">{escape(str(cell))}</{tag}>' for cell, a in pairs)
    return f"<tr>{inside}</tr>"
