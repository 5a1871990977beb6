"""Images under sliding windows: parts of a batch, tables of taps, sums and maxima over taps."""
