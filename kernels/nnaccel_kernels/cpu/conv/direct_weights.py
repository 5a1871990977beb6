"""Direct convolution, gradient of the weights: sums over the positions of channels-last images.

They are added to `sums`, which has parts so that threads need not wait for each other.
"""

from __future__ import annotations

from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share
from nnaccel_kernels.cpu.windows.sliding import PIXEL, POSITION, POSITIONS
from nnaccel_kernels.cpu.windows.taps import window_products


@kernel
def clear(rank, size, sums):  # type: ignore[no-untyped-def]
    """sums (parts, n) = 0."""
    lo, hi = share(sums.shape[0], rank, size)
    sums[lo:hi] = 0


@kernel
def weight_gradient_depthwise(rank, size, dy, x, down, across, step_down, step_across, sums):  # type: ignore[no-untyped-def]
    """Add to sums (parts, m, R * S, groups), for one channel and m filters a group."""
    _, height, width, _ = x.shape
    images, rows, positions, filters = dy.shape
    parts, each, taps, groups = sums.shape
    lo, hi = share(parts, rank, size)
    for part in range(lo, hi):
        begin, end = share(images * rows, part, parts)
        for item in range(begin, end):
            n, i = item // rows, item % rows
            for tap in range(taps):
                r, s = down[tap // across.shape[0]], across[tap % across.shape[0]]
                k = i - r[POSITION]
                if not 0 <= k < r[POSITIONS]:
                    continue
                h = r[PIXEL] + k * step_down
                first = (item * positions + s[POSITION]) * filters
                pixel = ((n * height + h) * width + s[PIXEL]) * groups
                for m in range(each):
                    window_products(
                        (groups, 1, s[POSITIONS]),
                        (dy, first + m, 0, filters, each),
                        (x, pixel, 0, step_across * groups, 1),
                        (sums, ((part * each + m) * taps + tap) * groups, 0, 0, 1),
                        1,
                    )


@kernel
def weight_gradient_grouped(rank, size, dy, x, down, across, step_down, step_across, sums):  # type: ignore[no-untyped-def]
    """Add to sums (parts, R * S, channels of x, filters of a group)."""
    _, height, width, channels = x.shape
    images, rows, positions, filters = dy.shape
    parts, taps, _, each = sums.shape
    per_group = channels // (filters // each)
    lo, hi = share(parts * channels, rank, size)
    for piece in range(lo, hi):
        part, c = piece // channels, piece % channels
        begin, end = share(images * rows, part, parts)
        for item in range(begin, end):
            n, i = item // rows, item % rows
            for tap in range(taps):
                r, s = down[tap // across.shape[0]], across[tap % across.shape[0]]
                k = i - r[POSITION]
                if not 0 <= k < r[POSITIONS]:
                    continue
                h = r[PIXEL] + k * step_down
                first = (item * positions + s[POSITION]) * filters + c // per_group * each
                pixel = ((n * height + h) * width + s[PIXEL]) * channels + c
                window_products(
                    (each, 1, s[POSITIONS]),
                    (dy, first, 0, filters, 1),
                    (x, pixel, 0, step_across * channels, 0),
                    (sums, ((part * taps + tap) * channels + c) * each, 0, 0, 1),
                    1,
                )
