"""Where a contestant is found, and how a user names those to race against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from nnaccel._validate import unknown_name


@dataclass(frozen=True)
class Peer:
    """Where a contestant is found, what it needs, and what to make it with."""

    factory: str
    requires: str
    install: str
    about: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def available(self) -> bool:
        """Whether the library it needs can be imported."""
        return find_spec(self.requires) is not None

    def make(self, problem: Any, **options: Any) -> Any:
        """Build the contestant on a problem; imports its library."""
        module, name = self.factory.split(":")
        factory = getattr(import_module(f"nnaccel.bench.peers.{module}"), name)
        return factory(problem, **self.options, **options)


def expand_names(
    names: Iterable[str], peers: Mapping[str, Peer], groups: Mapping[str, tuple[str, ...]]
) -> list[str]:
    """Turn what a user asked to race against into names of `peers`, in order, without repeats.

    Parameters
    ----------
    names : iterable of str
        Names of peers, or of a group of them, or ``"all"``.
    peers : mapping of str to Peer
        Those of the race.
    groups : mapping of str to tuple of str
        Several entries of one library.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        For a name that is none of these; the message lists the choices.

    Examples
    --------
    >>> from nnaccel.bench.peers import GROUPS, PEERS
    >>> expand_names(["numpy", "jax"], PEERS, GROUPS)
    ['numpy', 'jax_step', 'jax_scan']
    """
    groups = {**groups, "all": tuple(peers)}
    expanded: dict[str, None] = {}
    for asked in names:
        name = asked.strip().lower()
        if name not in peers and name not in groups:
            raise ValueError(unknown_name("peer", asked, tuple(dict.fromkeys((*peers, *groups)))))
        expanded.update(dict.fromkeys(groups.get(name, (name,))))
    return list(expanded)
