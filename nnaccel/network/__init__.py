"""Chains of layers over flat parameter buffers, and the precision they compute in."""
