"""Pages with one digit, written or drawn, and what happens to pages on the way to a computer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Page = NDArray[np.float64]
Disturb = Callable[[Page, np.random.Generator], Page]

PAPER, INK = 225.0, 40.0

#: Strokes of the digits in a square of side 1: points of lines, or (left, top, right, bottom,
#: first and last angle) of an arc, clockwise from three o'clock.
STROKES: dict[int, list[Any]] = {
    0: [(0.2, 0, 0.8, 1, 0, 360)],
    1: [[(0.3, 0.25), (0.55, 0), (0.55, 1)]],
    2: [(0.2, 0, 0.8, 0.6, 180, 395), [(0.75, 0.45), (0.2, 1), (0.85, 1)]],
    3: [(0.25, 0, 0.75, 0.5, 200, 450), (0.2, 0.5, 0.8, 1, 270, 510)],
    4: [[(0.55, 0), (0.15, 0.65), (0.85, 0.65)], [(0.65, 0.4), (0.65, 1)]],
    5: [[(0.35, 0), (0.28, 0.45)], [(0.35, 0), (0.78, 0)], (0.2, 0.38, 0.78, 1, 235, 510)],
    6: [(0.2, 0.45, 0.75, 1, 0, 360), [(0.62, 0), (0.35, 0.35), (0.21, 0.75)]],
    7: [[(0.2, 0), (0.8, 0), (0.4, 1)]],
    8: [(0.28, 0, 0.72, 0.46, 0, 360), (0.22, 0.46, 0.78, 1, 0, 360)],
    9: [(0.25, 0, 0.8, 0.55, 0, 360), [(0.79, 0.25), (0.74, 0.6), (0.6, 1)]],
}


def on_page(ink: Page, rng: np.random.Generator) -> Page:
    """Set ink from 0 to 1 anywhere on a page of paper."""
    height, width = (int(side) for side in rng.integers(200, 321, 2))
    side = int(rng.uniform(0.35, 0.7) * min(height, width))
    scaled = Image.fromarray(ink.astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
    share = np.zeros((height, width))
    margin = 0.08 * min(height, width)
    top = int(rng.uniform(margin, height - side - margin))
    left = int(rng.uniform(margin, width - side - margin))
    share[top : top + side, left : left + side] = np.clip(scaled, 0, 1)
    return PAPER + (INK - PAPER) * share


def drawn(digit: int, rng: np.random.Generator) -> Page:
    """Draw a digit with a pen of some width, slanted a little: ink from 0 to 1, 160 by 160."""
    side, box = 160, 110
    image = Image.new("L", (side, side))
    pen = ImageDraw.Draw(image)
    width = int(rng.integers(8, 17))
    aspect, slant = rng.uniform(0.75, 1), rng.uniform(-0.05, 0.25)
    at = rng.uniform(-0.02, 0.02, 2)
    for stroke in STROKES[digit]:
        points = _arc(*stroke) if isinstance(stroke, tuple) else stroke
        placed = [
            (side / 2 + box * ((x - 0.5) * aspect + slant * (0.5 - y) + at[0]),
             side / 2 + box * (y - 0.5 + at[1]))
            for x, y in points
        ]  # fmt: skip
        pen.line(placed, 255, width, joint="curve")
        for x, y in (placed[0], placed[-1]):
            pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), 255)
    return np.asarray(image, np.float64) / 255


def _arc(
    left: float, top: float, right: float, bottom: float, first: int, last: int
) -> list[tuple[float, float]]:
    angles = np.radians(np.arange(first, last + 1, 5))
    x, y = (left + right) / 2, (top + bottom) / 2
    return [
        (x + (right - left) / 2 * math.cos(a), y + (bottom - top) / 2 * math.sin(a)) for a in angles
    ]


def dark_speck(page: Page, rng: np.random.Generator) -> Page:
    """One far from the digit."""
    rows, columns = np.indices(page.shape)
    ink = np.argwhere(page < PAPER - 100)
    for _ in range(1000):
        at = [rng.integers(8, side - 8) for side in page.shape]
        if np.hypot(*(ink - at).T).min() > 40:
            break
    return np.where(np.hypot(rows - at[0], columns - at[1]) < rng.uniform(2, 4.5), 10, page)


def pale_specks(page: Page, rng: np.random.Generator) -> Page:
    rows, columns = np.indices(page.shape)
    for _ in range(10):
        at = [rng.integers(4, side - 4) for side in page.shape]
        spot = np.hypot(rows - at[0], columns - at[1]) < rng.uniform(1.5, 3.5)
        page = np.where(spot, np.minimum(page, PAPER - 60), page)
    return page


def rules(page: Page, rng: np.random.Generator) -> Page:
    """Ruled lines, some of them through the digit."""
    page = page.copy()
    gap, thick = int(rng.integers(24, 45)), int(rng.integers(1, 4))
    for top in range(int(rng.integers(5, gap)), len(page), gap):
        page[top : top + thick] = np.minimum(page[top : top + thick], 120)
    return page


def rules_aslant(page: Page, rng: np.random.Generator) -> Page:
    rows, columns = np.indices(page.shape)
    gap, slope = rng.integers(28, 45), rng.uniform(-0.05, 0.05)
    return np.where((rows + slope * columns) % gap < 2, np.minimum(page, 120), page)


def squares(page: Page, rng: np.random.Generator) -> Page:
    """Squared paper."""
    return rules(rules(page, rng).T, rng).T


def dark_edge(page: Page, rng: np.random.Generator) -> Page:
    page = page.copy()
    page[:, : int(rng.integers(4, 0.08 * page.shape[1]))] = 15
    return page


def two_dark_edges(page: Page, rng: np.random.Generator) -> Page:
    page = dark_edge(page, rng)
    page[-int(rng.integers(4, 0.08 * page.shape[0])) :] = 15
    return page


def frame(page: Page, rng: np.random.Generator) -> Page:
    """A frame of three pixels."""
    return np.pad(page[3:-3, 3:-3], 3, constant_values=20)


def inner_frame(page: Page, rng: np.random.Generator) -> Page:
    """A frame a little way in."""
    inner = np.pad(page[10:-10, 10:-10], 3, constant_values=20)
    return np.pad(inner, 7, constant_values=PAPER)


def shadow(share: float) -> Disturb:
    """Make a sharp shadow over a share of the page, its edge more or less aslant."""

    def disturb(page: Page, rng: np.random.Generator) -> Page:
        rows, columns = np.indices(page.shape)
        slope = rng.uniform(-0.5, 0.5)
        across = columns + slope * rows if rng.random() < 0.5 else rows + slope * columns
        dark = across < np.quantile(across, share)
        if rng.random() < 0.5:
            dark = dark[::-1, ::-1]
        return page * np.where(dark, rng.uniform(0.4, 0.6), 1)

    return disturb


def round_shadow(page: Page, rng: np.random.Generator) -> Page:
    rows, columns = places(page)
    return page * np.where(np.hypot(rows - rng.random(), columns - rng.random()) < 0.35, 0.55, 1)


def soft_shadow(page: Page, rng: np.random.Generator) -> Page:
    return page * (0.5 + 0.5 / (1 + np.exp(-40 * (places(page)[1] - rng.uniform(0.3, 0.5)))))


def tilted_sheet(page: Page, rng: np.random.Generator) -> Page:
    """A sheet that leans away from the light."""
    rows, columns = places(page) - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    return page * (0.8 + 0.4 * (rows * np.sin(angle) + columns * np.cos(angle)))


def shadow_on_tilted_sheet(page: Page, rng: np.random.Generator) -> Page:
    return shadow(0.45)(tilted_sheet(page, rng), rng)


def turned_sheet(page: Page, rng: np.random.Generator) -> Page:
    """A sheet that lies askew on something dark."""
    image = Image.fromarray(page.astype(np.float32))
    angle = float(rng.uniform(3, 7) * rng.choice([-1, 1]))
    return np.asarray(image.rotate(angle, Image.Resampling.BILINEAR, fillcolor=30), np.float64)


def places(page: Page) -> Page:
    """Row and column of each pixel, from 0 to 1."""
    return np.indices(page.shape) / np.array(page.shape)[:, None, None]


DISTURBANCES: dict[str, Disturb] = {
    "dark speck": dark_speck,
    "pale specks": pale_specks,
    "rules": rules,
    "rules aslant": rules_aslant,
    "squares": squares,
    "dark edge": dark_edge,
    "two dark edges": two_dark_edges,
    "frame": frame,
    "inner frame": inner_frame,
    "shadow of 30%": shadow(0.3),
    "shadow of 45%": shadow(0.45),
    "round shadow": round_shadow,
    "soft shadow": soft_shadow,
    "tilted sheet": tilted_sheet,
    "shadow on a tilted sheet": shadow_on_tilted_sheet,
    "turned sheet": turned_sheet,
}
