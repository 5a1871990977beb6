"""Matrix products: the register tile, packing, transposition, and the epilogue."""
