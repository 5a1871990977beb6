"""Images under sliding windows: memory layouts, tables of taps, sums and maxima over taps."""
