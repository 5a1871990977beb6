"""Checks and benchmarks on a GPU, and what can be said of its kernels without one."""
