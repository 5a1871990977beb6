"""Numbers that lie on a device: read on a CPU, where that is free, and computed with elsewhere.

What reads a GPU waits for it, and cannot be captured as a CUDA graph.
"""

from __future__ import annotations

from typing import Any


def is_read(tensor: Any) -> bool:
    """Whether numbers beside a tensor are read."""
    return bool(tensor.device.type == "cpu")


def number(values: Any, at: Any = None) -> Any:
    """values[0], or values[at[0]]: a number, or a tensor without axes."""
    found = (values if at is None else values.index_select(0, at))[0]
    return found.item() if is_read(values) else found
