"""What the examples on MNIST share: options, images, layers, rates, a training that is timed."""

import argparse
import time
from typing import Any

from _options import Pair, add_data_option, count, load, new_parser

import nnaccel as nn

_MIN_SIZE = 16  # pixels; the pixels of smaller images are repeated


def training_parser(words: str, epochs: int) -> argparse.ArgumentParser:
    """Return a parser for what a training takes, with the first line of `words` for its help."""
    parser = new_parser(words)
    parser.add_argument("--epochs", type=count, default=epochs, help="passes over the images")
    parser.add_argument("--seed", type=int, default=0, help="of weights, shuffles and distortions")
    parser.add_argument(
        "--held-out",
        action="store_true",
        help="test on the last twelfth of the training images instead, as to choose settings",
    )
    add_data_option(parser)
    return parser


def images(options: argparse.Namespace) -> tuple[Pair, Pair]:
    """Return the images and labels to train on, and those to test on."""
    (x, y), test = load(options.data)
    if options.held_out:
        rows = len(x) // 12
        (x, y), test = (x[:-rows], y[:-rows]), (x[-rows:], y[-rows:])
        print(f"tested on {rows:,} training images, which are held out")
    times = -(-_MIN_SIZE // x.shape[1])
    x, x_test = (a.repeat(times, axis=1).repeat(times, axis=2) for a in (x, test[0]))
    return (x, y), (x_test, test[1])


def convolution(filters: int, size: int, pool: bool = False) -> list[nn.Layer]:
    """Return a convolution and its normalisation, after pooling, which leaves less to normalise."""
    pooling = [nn.MaxPool2D(2)] if pool else []
    return [nn.Conv2D(filters, size, use_bias=False), *pooling, nn.BatchNorm(0.9), nn.ReLU()]


def one_cycle(peak: float, steps: int) -> nn.schedules.Schedule:
    """Return rates that rise to the peak in a fifth of the steps, and fall to nothing."""
    rise = steps // 5
    return nn.schedules.CosineDecay(peak / 20, steps - rise, warmup_target=peak, warmup_steps=rise)


def train_and_test(model: nn.Sequential, train: Pair, test: Pair, **settings: Any) -> None:
    """Train a model, and say how well it reads other images, and what that took."""
    wall, processor = time.perf_counter(), time.process_time()
    model.fit(*train, verbose=2, **settings)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    loss, accuracy = model.evaluate(*test)
    seen = settings["epochs"] * len(train[0])
    print(f"{seen / wall:,.0f} images/s, {processor:.1f} s of processors")
    print(f"test loss {loss:.4f}, accuracy {accuracy:.2%} after {wall:.1f} s of training")
