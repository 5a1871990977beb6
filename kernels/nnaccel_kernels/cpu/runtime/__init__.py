"""Compiles kernels, records their launches on a tape, and replays it on a thread pool."""
