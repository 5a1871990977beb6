"""Two networks against one another: one paints digits, the other tells them from real ones.

python examples/gan.py
"""

from pathlib import Path

import numpy as np
from _options import add_data_option, count, load, new_parser, png
from matplotlib.figure import Figure

import nnaccel as nn
from nnaccel import plot

NOISE = 32  # random numbers that a painted digit is made from
BATCH = 128


def painter(pixels: int) -> nn.Sequential:
    """Return the network that makes images of grey levels from noise."""
    hidden = [nn.Dense(128, "relu"), nn.BatchNorm(), nn.Dense(256, "relu"), nn.BatchNorm()]
    model = nn.Sequential([*hidden, nn.Dense(pixels, "sigmoid")], seed=0)
    model.compile("binary_crossentropy", nn.optim.Adam(1e-3, beta_1=0.5))
    model.build((NOISE,))
    return model


def critic(pixels: int) -> nn.Sequential:
    """Return the network that gives a logit for each image: positive means real."""
    layers = [nn.Dense(256, "leaky_relu"), nn.Dropout(0.3), nn.Dense(1)]
    model = nn.Sequential(layers, seed=1)
    loss = nn.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1)
    model.compile(loss, nn.optim.Adam(5e-4, beta_1=0.5))
    model.build((pixels,))
    return model


def improve(paints: nn.Sequential, tells: nn.Sequential, noise: np.ndarray) -> float:
    """Make one step of the painter towards images that are taken for real; return its loss."""
    images, back_to_noise = paints.forward(nn.asarray(noise), training=True)
    logits, back_to_images = tells.forward(images, training=True)
    losses, gradients = tells.loss(logits, nn.get_namespace(logits).ones_like(logits))
    # The critic's own gradients are written too, and not used: only the painter steps.
    back_to_noise(back_to_images(gradients / len(noise), input_gradient=True))
    paints.step()
    return float(losses.mean())


def draw(images: np.ndarray, path: Path) -> None:
    """Draw images (rows, columns, H, W), dark on light."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    ax = figure.add_subplot()
    ax.imshow(np.concatenate(np.concatenate(images, axis=1), axis=1), cmap="gray_r")
    ax.set_title("Digits that nobody wrote")
    ax.set_axis_off()
    plot.save(figure, path)
    print(f"drawn in {path}")


def main() -> None:
    """Train both in turn, and draw what the painter has learnt."""
    parser = new_parser(__doc__)
    add_data_option(parser)
    parser.add_argument("--epochs", type=count, default=20, help="passes over the training data")
    parser.add_argument("--picture", type=png, default=Path("gan.png"), help="PNG to draw in")
    options = parser.parse_args()

    (x, _), _ = load(options.data)
    real = x.reshape(len(x), -1).astype(np.float32) / x.max()
    rng = np.random.default_rng(0)
    paints, tells = painter(real.shape[1]), critic(real.shape[1])
    truth = np.repeat([1, 0], BATCH)
    for epoch in range(options.epochs):
        order, told, fooled = rng.permutation(len(real)), [], []
        for start in range(0, len(real) - BATCH + 1, BATCH):
            noise = rng.standard_normal((2 * BATCH, NOISE), np.float32)
            painted = paints.predict(noise[:BATCH])
            seen = np.concatenate([real[order[start : start + BATCH]], painted])
            told.append(tells.train_on_batch(seen, truth))
            fooled.append(improve(paints, tells, noise))
        print(
            f"epoch {epoch + 1}: the critic's loss {np.mean(told):.3f}, "
            f"the painter's {np.mean(fooled):.3f}"
        )
    shown = paints.predict(rng.standard_normal((84, NOISE), np.float32))
    draw(shown.reshape(7, 12, *x.shape[1:]), options.picture)


if __name__ == "__main__":
    main()
