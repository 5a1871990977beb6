"""Direct convolution and its adjoint: sums of products under the windows of channels-last images.

In the adjoint, x is the gradient of the output and y that of the input. The tables of taps differ,
the kernels do not.
"""

from __future__ import annotations

from nnaccel_kernels.cpu.channels import apply_epilogue_to_runs
from nnaccel_kernels.cpu.runtime.kernel import kernel
from nnaccel_kernels.cpu.runtime.sharing import share
from nnaccel_kernels.cpu.windows.sliding import SOURCE, SOURCE_STEP, TAP, TAP_STEP, TAPS
from nnaccel_kernels.cpu.windows.taps import window_products


@kernel
def sum_depthwise(rank, size, x, w, columns, down, across, b, code, alpha, y):  # type: ignore[no-untyped-def]
    """Convolve x with w (m, R * S, groups) to y.

    A group has one channel in x and m in y, or, in the adjoint, m in x and one in y.
    """
    _, height, width, x_channels = x.shape
    _, rows, positions, channels = y.shape
    filters, taps, groups = w.shape
    x_step, y_step = x_channels // groups, channels // groups
    lo, hi = share(y.shape[0] * rows, rank, size)
    for item in range(lo, hi):
        n, r = item // rows, down[item % rows]
        for j in range(positions):
            s = across[j]
            first = ((n * height + r[SOURCE]) * width + s[SOURCE]) * x_channels
            row, column = r[SOURCE_STEP] * width * x_channels, s[SOURCE_STEP] * x_channels
            tap = r[TAP] * columns + s[TAP]
            at = (item * positions + j) * channels
            for m in range(filters):
                window_products(
                    (groups, r[TAPS], s[TAPS]),
                    (x, first + (m if x_step > 1 else 0), row, column, x_step),
                    (
                        w,
                        (m * taps + tap) * groups,
                        r[TAP_STEP] * columns * groups,
                        s[TAP_STEP] * groups,
                        1,
                    ),
                    (y, at + (m if y_step > 1 else 0), 0, 0, y_step),
                    x_step > 1 and m > 0,
                )
        apply_epilogue_to_runs(y[n, item % rows].reshape(-1), b, code, alpha)


@kernel
def sum_grouped(rank, size, x, w, columns, down, across, b, code, alpha, y):  # type: ignore[no-untyped-def]
    """Convolve x with w (R * S, channels of x, channels of y in a group) to y."""
    _, height, width, x_channels = x.shape
    _, rows, positions, channels = y.shape
    each = w.shape[2]
    groups = channels // each
    summed = x_channels // groups
    lo, hi = share(y.shape[0] * rows, rank, size)
    for item in range(lo, hi):
        n, r = item // rows, down[item % rows]
        for j in range(positions):
            s = across[j]
            for group in range(groups):
                target = y, (item * positions + j) * channels + group * each, 0, 0, 1
                for k in range(max(1, r[TAPS])):  # without any tap the sum is 0
                    h, tap = r[SOURCE] + k * r[SOURCE_STEP], r[TAP] + k * r[TAP_STEP]
                    pixel = ((n * height + h) * width + s[SOURCE]) * x_channels
                    place = (tap * columns + s[TAP]) * x_channels
                    window_products(
                        (each, s[TAPS] if r[TAPS] else 0, summed),
                        (
                            w,
                            (place + group * summed) * each,
                            s[TAP_STEP] * x_channels * each,
                            each,
                            1,
                        ),
                        (x, pixel + group * summed, s[SOURCE_STEP] * x_channels, 1, 0),
                        target,
                        k > 0,
                    )
        apply_epilogue_to_runs(y[n, item % rows].reshape(-1), b, code, alpha)
