"""Segments of the flat parameter buffer, with settings that an optimiser's update has for each."""

from __future__ import annotations

from typing import NamedTuple


class Segment(NamedTuple):
    """Neighbouring parameters that are updated alike.

    Attributes
    ----------
    start, stop : int
        Their place in the buffer; parameters in no segment are frozen.
    rate_factor : float
        The learning rate is multiplied by it.
    decays : bool
        Whether weight decay shrinks them.
    """

    start: int
    stop: int
    rate_factor: float = 1.0
    decays: bool = True

    @property
    def place(self) -> slice:
        """Start and stop as a slice."""
        return slice(self.start, self.stop)
