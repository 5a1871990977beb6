"""Write README's speed tables from the results, each between its two markers.

A table without markers in README, or without results, is left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

#: Single calls, by how they are called, and products in the table of one thread.
ALONE = ("relu", "linear", "1x3x32x32", "max pooling", "predict")
PRODUCTS = ((128,) * 3, (512,) * 3, (2048,) * 3, (1, 784, 512), (32, 784, 512), (10000, 784, 512))
#: Contestants with a column in the convolution table; the others are listed below it.
CONV_COLUMNS = ("nnaccel", "nnaccel_channels_last", "torch", "torch_channels_last")


def main() -> None:
    """Replace the text between the markers."""
    readme = HERE.parent / "README.md"
    text = readme.read_text("utf-8")
    for name, (files, render) in TABLES.items():
        paths = [HERE / "results" / file for file in files]
        start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        if start in text and all(path.is_file() for path in paths):
            before, rest = text.split(start)
            table = render(*(json.loads(path.read_text("utf-8")) for path in paths))
            text = f"{before}{start}\n{table}\n{end}{rest.split(end)[1]}"
    readme.write_text(text, "utf-8")


def mlp_table(result: dict[str, Any]) -> str:
    """Seconds per epoch: a row for each library, a column for each network."""
    reports = result["reports"]
    titles = [f"{r['network']}, batch {r['batch_size']}" for r in reports]
    lines = [_line("", *titles), _rule(len(reports) + 1)]
    for rows in zip(*(r["rows"] for r in reports), strict=True):
        cells = [f"{row['median']:.2f} s ({row['ratio']:.2g}x)" for row in rows]
        lines.append(_line(rows[0]["about"], *cells))
    of_peak = [f"{r['rows'][0]['peak_fraction']:.0%}" for r in reports]
    lines.append(_line("*nnaccel, of multiply-add peak*", *of_peak))
    return "\n".join([*lines, "", _where(result)])


def cnn_table(result: dict[str, Any]) -> str:
    """Images per second: a row for each library, a column for each network."""
    reports = result["reports"]
    titles = [f"{r['network']}, batch {r['batch_size']}" for r in reports]
    lines = [_line("", *titles), _rule(len(reports) + 1)]
    for rows in zip(*(r["rows"] for r in reports), strict=True):
        cells = [f"{row['images_per_s']:,.0f} ({row['ratio']:.2g}x)" for row in rows]
        lines.append(_line(rows[0]["about"], *cells))
    return "\n".join([*lines, "", _where(result)])


def conv_table(result: dict[str, Any]) -> str:
    """Milliseconds: a row for each convolution, columns for the libraries in each direction."""
    races = result["races"]
    about = {row["name"]: row["about"] for race in races for row in race["rows"]}
    shown = {name: about[name] for name in CONV_COLUMNS if name in about}
    directions = list(dict.fromkeys(race["direction"] for race in races))
    titles = [f"{d}: {title}" for d in directions for title in shown.values()]
    lines = [_line("", *titles), _rule(len(titles) + 1)]
    by_shape: dict[str, dict[str, Any]] = {}
    for race in races:
        rows = {row["name"]: row for row in race["rows"]}
        by_shape.setdefault(race["shape"], {})[race["direction"]] = rows
    for shape, found in by_shape.items():
        cells = [_cell(found[d][name]) for d in directions for name in shown]
        lines.append(_line(shape, *cells))
    leads = [result["leads"][d].get(name) for d in directions for name in shown]
    means = [f"{lead:.2f}x" if lead else "" for lead in leads]
    lines.append(_line("*geometric mean*", *means))
    beside = [
        f"{about[name]}: {_means(result, name)} as long (geometric mean)."
        for name in about
        if name not in shown
    ]
    return "\n".join([*lines, "", "\n\n".join([*beside, _where(result)])])


def _cell(row: dict[str, Any]) -> str:
    """Milliseconds to three digits; except for nnaccel, also the ratio to nnaccel."""
    ms = 1e3 * row["median"]
    text = f"{ms:.{max(0, 2 - math.floor(math.log10(ms)))}f}"
    return text if row["name"] == "nnaccel" else f"{text} ({row['ratio']:.2g}x)"


def _means(result: dict[str, Any], name: str) -> str:
    """Ratio of a contestant's time to nnaccel's, in each direction."""
    leads = result["leads"].items()
    return " and ".join(f"{ratios[name]:,.1f} times {direction}" for direction, ratios in leads)


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return "|" + " --- |" * columns


def _where(result: dict[str, Any]) -> str:
    """The machine, the date and the command."""
    machine = result["machine"]
    cores = f"{machine['cores']} core{'s' * (machine['cores'] > 1)}"
    return (
        f"{machine['cpu']}, {cores}, vectors of {machine['vector_bits']} bits, "
        f"{machine['system']}, Python {machine['python']}; {result['time'][:10]}; "
        f"`{result['command']}`"
    )


def one_thread_table(calls: dict[str, Any], products: dict[str, Any]) -> str:
    """Microseconds of small work, and of the same in another library."""
    lines = [_line("", "nnaccel, µs", "another, µs", "", ""), _rule(5)]

    def add(work: str, peer: str, us: float, their_us: float, ratio: float) -> None:
        lines.append(_line(work, _micro(us), _micro(their_us), f"{ratio:.2f}x", peer))

    for row in calls["rows"]:
        if row["name"].startswith(ALONE):
            peer = "ONNX Runtime" if row["name"].startswith("predict") else "PyTorch"
            add(row["name"], peer, row["nnaccel_us"], row["peer_us"], row["ratio"])
    for row in products["products"]:
        m, k, n = row["m"], row["k"], row["n"]
        if (m, k, n) in PRODUCTS and row["direction"] == "forward":
            us = 2e-3 * m * k * n / row["gflops"], 2e-3 * m * k * n / row["blas_gflops"]
            add(f"product, {m} x {k} by {k} x {n}", "OpenBLAS", *us, row["ratio"])
    return "\n".join([*lines, "", _where(calls)])


def _micro(us: float) -> str:
    return f"{us:,.0f}" if us >= 100 else f"{us:.1f}"


TABLES: dict[str, tuple[tuple[str, ...], Callable[..., str]]] = {
    "speed table": (("mlp.json",), mlp_table),
    "convolution table": (("conv.json",), conv_table),
    "CNN table": (("cnn.json",), cnn_table),
    "one-thread table": (("calls.json", "products.json"), one_thread_table),
}

if __name__ == "__main__":
    main()
