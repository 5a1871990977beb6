"""Image filters: named, random or learnt; feature maps, and sheets of them."""

from nnaccel.filters.bank import FILTERS, named, random_bank
from nnaccel.filters.correlate import apply
from nnaccel.filters.page import grid
from nnaccel.filters.sheet import mosaic, to_unit
from nnaccel.filters.trained import feature_maps, layer_filters, map_layers

__all__ = [
    "FILTERS",
    "apply",
    "feature_maps",
    "grid",
    "layer_filters",
    "map_layers",
    "mosaic",
    "named",
    "random_bank",
    "to_unit",
]
