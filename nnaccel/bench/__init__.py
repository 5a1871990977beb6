"""Benchmarks against other libraries on this machine, and the measurements behind them."""
