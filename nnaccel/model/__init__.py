"""Models: `Sequential`, its summary, explanation and copies."""
