"""A look at a protobuf message before it is parsed.

An empty submessage takes two bytes in a file and a hundred in memory, so a small file could fill
all of it. Weights are one field each, however many there are: what has more fields than any network
is refused unparsed.
"""

from __future__ import annotations

from typing import Any

_MOST_FIELDS = 300_000
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5


def check_size(data: bytes, descriptor: Any) -> None:
    """Raise a ValueError unless the message has at most 300,000 fields, those within included.

    Parameters
    ----------
    data : bytes
    descriptor : google.protobuf.descriptor.Descriptor
        Of the message.
    """
    waiting, left = [(0, len(data), descriptor)], _MOST_FIELDS
    while waiting:
        at, end, kind = waiting.pop()
        while at < end:
            left -= 1
            if left < 0:
                raise ValueError(f"it has more than {_MOST_FIELDS:,} parts")
            tag, at = _varint(data, at)
            wire, field = tag & 7, kind and kind.fields_by_number.get(tag >> 3)
            if wire == _VARINT:
                _, at = _varint(data, at)
            elif wire == _BYTES:
                size, at = _varint(data, at)
                if field is not None and field.message_type is not None:
                    waiting.append((at, min(at + size, end), field.message_type))
                at += size
            elif wire in (_EIGHT, _FOUR):
                at += 8 if wire == _EIGHT else 4
            else:
                raise ValueError("it is not an ONNX file, or is damaged")
        if at > end:
            raise ValueError("it is not an ONNX file, or is cut short")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at a place, and the place after it."""
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError("it is not an ONNX file, or is cut short")
