"""Models: `Sequential`, and what is said of and done with a whole model."""
