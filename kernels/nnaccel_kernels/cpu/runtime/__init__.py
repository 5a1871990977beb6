"""Runs kernels: compiles them, records their launches on a tape, replays it on a thread pool."""
