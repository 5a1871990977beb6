"""Sliding windows over images: where taps lie, and sums and maxima over them."""
