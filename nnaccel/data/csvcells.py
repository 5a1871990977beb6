"""The cells of a column, kept as text that is joined: a byte a character, not fifty a cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

#: Between the cells of a block; the rows of a file hold no such character.
_MARK = "\x1f"

_BLANKS = " \t\r\n"


@dataclass(frozen=True)
class Cells:
    """The cells of one column, without blanks around them.

    Attributes
    ----------
    joined : sequence of str
        The cells of some rows in each.
    count : int
        How many cells there are.
    """

    joined: Sequence[str]
    count: int

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(map(split, self.joined))

    def __getitem__(self, row: int) -> str:
        return next(islice(self, int(row), None))

    @property
    def are_blank(self) -> bool:
        """Whether there is nothing in any of them."""
        return not any(text.strip(_MARK) for text in self.joined)

    def after(self, first: str) -> Cells:
        """The same cells after another one."""
        return Cells([join([first]), *self.joined], self.count + 1)


def join(cells: Sequence[str]) -> str:
    """Join cells to one text, without the blanks around them; `split` undoes it."""
    text = _MARK.join(cells)
    if text.isascii() and not any(blank in text for blank in _BLANKS):
        return text
    return _MARK.join(map(str.strip, cells))


def split(text: str) -> list[str]:
    """The cells of one block."""
    return text.split(_MARK)
