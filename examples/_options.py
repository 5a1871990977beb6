"""What the examples take after their options' names; what they cannot use, argparse tells of."""

import argparse
import math
from pathlib import Path


def count(text: str) -> int:
    """Return a whole number, 1 at least."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is too few: give 1 at least")
    return number


def rate(text: str) -> float:
    """Return a finite number above 0."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no step: give a finite number above 0")
    return number


def png(text: str) -> Path:
    """Return the path of a PNG that can be written."""
    path = Path(text)
    if path.suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"{path} must end in .png")
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{path}: give a file in a folder that is there")
    return path
