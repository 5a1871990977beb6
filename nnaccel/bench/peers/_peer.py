"""Where to import a contestant from, and how users name contestants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from nnaccel._validate import unknown_name


@dataclass(frozen=True)
class Peer:
    """A contestant: its class as "module:name", the library it needs, and its options."""

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
        """Import the contestant's library and build it for a problem."""
        module, name = self.factory.split(":")
        factory = getattr(import_module(f"nnaccel.bench.peers.{module}"), name)
        return factory(problem, **self.options, **options)


def expand_names(
    names: Iterable[str], peers: Mapping[str, Peer], groups: Mapping[str, tuple[str, ...]]
) -> list[str]:
    """Turn names given by a user into names of `peers`, in order, without duplicates.

    Parameters
    ----------
    names : iterable of str
        Names of peers or of groups, or ``"all"``.
    peers : mapping of str to Peer
        Contestants by name.
    groups : mapping of str to tuple of str
        Names of peers by group.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        For an unknown name; the message lists the choices.

    Examples
    --------
    >>> from nnaccel.bench.peers import GROUPS, PEERS
    >>> expand_names(["numpy", "jax"], PEERS, GROUPS)
    ['numpy', 'jax_step', 'jax_scan']
    """
    groups = {**groups, "all": tuple(peers)}
    expanded: dict[str, None] = {}
    for asked in names:
        name = asked.strip().lower().replace("-", "_")
        if name not in peers and name not in groups:
            raise ValueError(unknown_name("peer", asked, tuple(dict.fromkeys((*peers, *groups)))))
        expanded.update(dict.fromkeys(groups.get(name, (name,))))
    return list(expanded)
