"""Vector code: instructions, elementary functions, and loops over runs of elements."""
