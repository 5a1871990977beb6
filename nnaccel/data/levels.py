"""Text as levels to compare by: how many are too many, and which are spelt nearly alike."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

#: Text with more levels than this, or than this share of the rows, is no group to compare by.
MAX_LEVELS, MAX_SHARE = 100, 2 / 3

_MOST_NAMED = 3


@dataclass(frozen=True)
class TextColumn:
    """A column of text and its levels, in sorted order."""

    name: str
    levels: tuple[str, ...]

    @property
    def reference(self) -> str:
        """The level that has no indicator: the others are told by how they differ from it."""
        return self.levels[0]

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the indicators, ``city[Bonn]``."""
        return tuple(f"{self.name}[{level}]" for level in self.levels[1:])


def are_too_many(levels: int, rows: int) -> bool:
    """Whether so many distinct values in so many rows are no groups."""
    return levels > min(MAX_LEVELS, max(2, MAX_SHARE * rows))


def warn_of_alike(where: str, levels: Iterable[str]) -> None:
    """Warn of levels that differ in case or blanks only; `where` names the column."""
    spellings = defaultdict(list)
    for level in sorted(levels):
        spellings["".join(level.split()).casefold()].append(repr(level))
    alike = [" and ".join(group) for group in spellings.values() if len(group) > 1]
    if alike:
        more = f", and {len(alike) - _MOST_NAMED} more" if len(alike) > _MOST_NAMED else ""
        warnings.warn(
            f"{where} has levels that differ in case or blanks only, "
            f"{', '.join(alike[:_MOST_NAMED])}{more}: they are kept apart; write them alike if "
            "they mean the same",
            stacklevel=3,
        )
