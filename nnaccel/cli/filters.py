"""`nnaccel filters`: a picture filtered in many ways, on one sheet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from nnaccel.cli import _outputs, _picture
from nnaccel.cli._common import backend_option, choose_backend, debug_option, echo
from nnaccel.cli._progress import progress

if TYPE_CHECKING:
    from nnaccel.model.sequential import Sequential

_EXAMPLES = """\b
Examples:
  nnaccel filters photo.jpg --filter emboss --filter sobel_x
  nnaccel filters --random 64 --seed 1 --grey -o random.png
  nnaccel filters seven.png --model digits.safetensors
  nnaccel filters seven.png --model digits.safetensors --layer conv2d_1
"""


@click.command("filters", epilog=_EXAMPLES, short_help="Filter a picture in many ways.")
@click.argument("image", required=False, type=click.Path(path_type=Path))
@click.option(
    "--filter",
    "names",
    multiple=True,
    metavar="NAME",
    help="identity, emboss, sharpen, laplace, sobel_x, sobel_y or blur; may be repeated.  "
    "[default: all]",
)
@click.option("--random", type=click.IntRange(1, 4096), metavar="N", help="Add N random filters.")
@click.option("--seed", type=click.IntRange(0), metavar="S", help="Decides the random filters.")
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Show what a trained model makes of it instead.",
)
@click.option(
    "--layer", metavar="L", help="Its name, or 0 for the first.  [default: the first convolution]"
)
@click.option("--grey", is_flag=True, help="Take the colours away first.")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PNG",
    default="filters.png",
    show_default=True,
    help="Where the sheet goes.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PNG",
    help="Draw the maps in grey here too, each with its title; no more than 64.",
)
@backend_option
@debug_option
def filters_command(
    image: Path | None,
    names: tuple[str, ...],
    random: int | None,
    seed: int | None,
    model: Path | None,
    layer: str | None,
    grey: bool,
    output: Path,
    plot: Path | None,
    backend: str | None,
) -> None:
    """Filter IMAGE in many ways and lay the results on one sheet, a PNG.

    An IMAGE is a PNG or JPEG, grey or colour; without one, a built-in photograph is taken. Large
    pictures are reduced, so that the sheet has no more than about 16 million pixels; small ones are
    enlarged, each pixel to a square, so that it is 600 wide. Each result goes from black to white;
    the 5 percent of its pixels at either end are not told apart.
    """
    from nnaccel import filters
    from nnaccel.backends import to_numpy

    _outputs.check(output, plot)
    if output.suffix.lower() != ".png":
        raise click.UsageError(f"the sheet is a PNG: {output} must end in .png")
    if seed is not None and random is None:
        raise click.UsageError("--seed decides the random filters: add --random N")
    if model is None and layer is not None:
        raise click.UsageError("--layer is one of a model's: add --model FILE")
    if model is not None and (names or random is not None or grey):
        raise click.UsageError(
            "--model shows its own filters: leave out --filter, --random, --grey"
        )
    choose_backend(backend)
    of_layer = ""
    if model is not None:
        maps, name = _model_maps(model, layer, image)
        of_layer = f" of layer {name}"
        titles = [f"map {i}" for i in range(len(maps))]
    else:
        titles = list(names) if names or random is not None else list(filters.FILTERS)
        bank = [filters.named(name) for name in titles]
        if random is not None:
            bank += list(filters.random_bank(random, seed))
            titles += [f"random {i}" for i in range(random)]
        pixels = _picture.reduced(_picture.read(image, grey), len(bank))
        maps = filters.apply(pixels, np.stack(bank))
    with progress(2) as show:
        show(f"laying out {len(maps):,} maps")
        pixels = np.rint(255 * filters.to_unit(maps, clip=5)).astype(np.uint8)
        times = _picture.enlargement(*pixels.shape[:3])
        sheet = filters.mosaic(pixels.repeat(times, axis=1).repeat(times, axis=2))
        show(f"writing {output}")
        _outputs.write_png(sheet, output)
    what = "1 map" if len(maps) == 1 else f"{len(maps):,} maps"
    enlarged = f", enlarged {times} times" if times > 1 else ""
    echo(f"wrote {output}: {what}{of_layer}, {sheet.shape[1]} × {sheet.shape[0]} pixels{enlarged}")
    columns = filters.grid(len(titles))[1]
    for start in range(0, len(titles) if len(titles) > 1 else 0, columns):
        echo(f"  row {start // columns + 1}: {', '.join(titles[start : start + columns])}")
    if plot is not None:
        _draw(to_numpy(maps), titles, plot)


def _draw(maps: NDArray[np.float32], titles: list[str], path: Path) -> None:
    """Draw as many maps as there is room for; colours by their mean, as filters are linear."""
    from nnaccel.plot import feature_maps, save

    figure = feature_maps(maps[..., :3].mean(axis=-1) if maps.ndim == 4 else maps, titles)
    save(figure, path)
    drawn = len(figure.axes)
    echo(f"drawn in {path}" + (f": the first {drawn} maps" if drawn < len(maps) else ""))


def _model_maps(path: Path, layer: str | None, image: Path | None) -> tuple[Any, str]:
    """Return what a layer of the model in a file makes of the picture, and the layer's name."""
    from nnaccel import filters
    from nnaccel.model.loading import load

    model = load(path)
    model.require_one_input("the command line")
    places = filters.map_layers(model)
    if not places:
        raise click.UsageError(f"{path} has no layer that gives maps: train one with --model cnn")
    pixels = _picture.for_model(image, model.input_shape)
    if pixels is None:
        what = " × ".join(map(str, model.input_shape))
        raise click.UsageError(f"{path} is no model of pictures: it takes {what} numbers")
    names = [each.name for each in model.layers]
    if layer is None:
        layer = _first_convolution(model) or places[0]
        others = ", ".join(place for place in places if place != layer)
        echo(f"took layer {layer}" + (f"; --layer takes {others} too" if others else ""))
    is_place = layer.removeprefix("-").isdecimal() and layer not in names
    chosen = int(layer) if is_place else layer
    maps = filters.feature_maps(model, chosen, pixels)
    return maps, names[chosen] if isinstance(chosen, int) else chosen


def _first_convolution(model: Sequential) -> str | None:
    """Name of the first layer that convolves; None if there is none."""
    from nnaccel.layers import Conv2D, Conv2DTranspose, DepthwiseConv2D

    kinds = Conv2D, DepthwiseConv2D, Conv2DTranspose
    return next((layer.name for layer in model.layers if isinstance(layer, kinds)), None)
