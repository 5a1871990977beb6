"""The columns of a table that a network was trained on, as its file keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from nnaccel.data.levels import TextColumn


@dataclass(frozen=True)
class Schema:
    """Which columns of a table are inputs, in their order, and which one is the label.

    Attributes
    ----------
    label : str
    columns : dict of str to tuple of str
        Levels of each column of text; none of a column of numbers.
    header : bool
        Whether the file named its columns; they are called 1, 2, … otherwise.
    decimal : '.' or ',' or None
        What was said to set off decimals.

    Examples
    --------
    >>> Schema("rent", {"rooms": (), "city": ("Bonn", "Köln", "Ulm")}).feature_names
    ('rooms', 'city[Köln]', 'city[Ulm]')
    """

    label: str
    columns: Mapping[str, tuple[str, ...]]
    header: bool = True
    decimal: str | None = None

    @property
    def text(self) -> dict[str, tuple[str, ...]]:
        """Levels of the columns of text."""
        return {name: levels for name, levels in self.columns.items() if levels}

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the inputs, ``city[Bonn]`` for an indicator."""
        return tuple(
            name
            for column, levels in self.columns.items()
            for name in (TextColumn(column, levels).variables if levels else (column,))
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {
            "label": self.label,
            "columns": [[name, list(levels)] for name, levels in self.columns.items()],
            "header": self.header,
            "decimal": self.decimal,
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        """Undo `as_dict`; a ValueError or TypeError if something is not what that gives."""
        columns = {name: tuple(levels) for name, levels in kept["columns"]}
        texts = [kept["label"], *columns, *(level for each in columns.values() for level in each)]
        header, decimal = kept["header"], kept["decimal"]
        are_lists = all(type(levels) is list for _, levels in kept["columns"])
        if not (are_lists and all(type(text) is str for text in texts) and type(header) is bool):
            raise ValueError("a table's columns must have names and lists of levels")
        if any(len(set(levels)) < len(levels) for levels in columns.values()):
            raise ValueError("a table's column must have different levels")
        if decimal not in (None, ".", ","):
            raise ValueError(f"decimals are set off by {decimal!r}, neither a point nor a comma")
        return cls(kept["label"], columns, header, decimal)
