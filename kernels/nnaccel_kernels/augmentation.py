"""What random changes of images are, for all kernel packages."""

from __future__ import annotations

import math
from typing import NamedTuple


class Augmentation(NamedTuple):
    """How far images are changed; 0 leaves that change out.

    An image's changes are functions of random numbers u in [0, 1), at these positions of its
    stream: 0 whether it is flipped, 1 angle, 2 scale, 3 and 4 shift down and across, 5 and 6 crop
    down and across, 7 and 8 row and column of the cutout, then two for each knot of the elastic
    displacements.
    """

    shift: float = 0.0  # pixels
    rotate: float = 0.0  # radians
    scale: float = 0.0
    elastic: float = 0.0  # standard deviation of displacements, in pixels
    smoothness: float = 4.0  # standard deviation of what smooths them, in pixels
    flip: float = 0.0  # probability
    crop: float = 0.0  # pixels, whole
    cutout: float = 0.0  # pixels, whole

    @property
    def spacing(self) -> float:
        """Distance of two knots: a cubic B-spline has the standard deviation sqrt(1/3) of it."""
        return self.smoothness * math.sqrt(3)

    def knots(self, pixels: int) -> int:
        """Number of knots along an axis."""
        return int((pixels - 1) / self.spacing) + 4 if self.elastic else 0


#: Position of the first random number of the knots.
KNOTS = 9
#: A knot is uniform within this many standard deviations of the displacements: sqrt(3), divided by
#: the root mean square of a sum of unit knots, 151/315 for the two axes together.
REACH = math.sqrt(3) * 315 / 151
