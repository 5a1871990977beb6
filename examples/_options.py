"""What the examples take after their options' names; what they cannot use, argparse tells of."""

import argparse
import math
import sys
from pathlib import Path

import numpy as np

import nnaccel as nn

_PATIENCE = 20.0  # seconds for the download of MNIST, where it was not asked for

Pair = tuple[np.ndarray, np.ndarray]


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Help that tells the default of an option, where there is one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default in (None, False) else super()._get_help_string(action)


def new_parser(words: str) -> argparse.ArgumentParser:
    """Return a parser with the first line of `words` for its help."""
    return argparse.ArgumentParser(description=words.splitlines()[0], formatter_class=_Help)


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


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """Add the choice of digits to learn from."""
    parser.add_argument(
        "--data",
        choices=["auto", "mnist", "digits"],
        default="auto",
        help="MNIST, or scikit-learn's digits; auto is MNIST where it is here or can be downloaded",
    )


def load(choice: str) -> tuple[Pair, Pair]:
    """Load the data set of a choice, and say which it is; exit where it cannot be had."""
    if choice != "digits":
        try:
            train, test = nn.data.mnist(timeout=_PATIENCE if choice == "auto" else 60)
        except nn.data.DataNotFoundError as error:
            if choice == "mnist":
                sys.exit(str(error))
            print("MNIST is not here and cannot be downloaded (--data mnist says why)")
        else:
            print("data: MNIST")
            return train, test
    print("data: the small digits that scikit-learn embeds")
    return nn.data.digits()
