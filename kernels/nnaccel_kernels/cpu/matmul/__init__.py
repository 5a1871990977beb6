"""Matrix products: the register tile, panels, packed weights, transposition, the epilogue."""
