"""Kernel skeletons: loops and reductions that take what to compute as a function."""
