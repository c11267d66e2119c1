"""What travels between bot and worker: frames of a JSON header and a binary body.

A frame is two big-endian 32-bit lengths, the header in UTF-8 JSON (always an object) and the body.
Bodies carry vectors as little-endian float32, row after row, or a recording as it came, so nothing is
ever unpickled.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from bot.models import Vectors


Header: TypeAlias = dict[str, Any]

VERSION = 1  # of the protocol; both sides say theirs when they meet
LIMIT = 64 * 2**20
LENGTHS = struct.Struct(">II")
FLOAT = np.dtype("<f4")


class BrokenFrame(Exception):
    """The other side does not speak this protocol, or went away in the middle of a frame."""


def encode(header: Header, body: bytes = b"") -> bytes:
    """One frame. Raises BrokenFrame when it would be over the limit the other side takes."""
    packed = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    if len(packed) + len(body) > LIMIT:
        raise BrokenFrame(f"a frame of {len(packed) + len(body)} bytes is over the limit of {LIMIT}")
    return LENGTHS.pack(len(packed), len(body)) + packed + body


async def read(reader: asyncio.StreamReader, *, limit: int = LIMIT) -> tuple[Header, bytes] | None:
    """The next frame, or None when the other side has closed. Raises BrokenFrame, as over the limit."""
    try:
        head, tail = LENGTHS.unpack(await reader.readexactly(LENGTHS.size))
        if head + tail > limit:
            raise BrokenFrame(f"a frame of {head + tail} bytes is over the limit of {limit}")
        content = await reader.readexactly(head + tail)
    except asyncio.IncompleteReadError as error:
        if error.partial or error.expected != LENGTHS.size:
            raise BrokenFrame("the connection ended in the middle of a frame") from None
        return None
    except ConnectionError:
        return None
    return decode_header(content[:head]), content[head:]


def decode_header(packed: bytes) -> Header:
    """The JSON object of a header. Raises BrokenFrame."""
    try:
        header = json.loads(packed)
    except (ValueError, RecursionError):
        raise BrokenFrame("a header is not JSON") from None
    if not isinstance(header, dict):
        raise BrokenFrame("a header is not a JSON object")
    return header


def pack_vectors(vectors: Vectors) -> bytes:
    """Rows as bytes, one after the other."""
    return np.ascontiguousarray(vectors, dtype=FLOAT).tobytes()


def unpack_vectors(body: bytes, shapes: Sequence[tuple[int, int]]) -> list[Vectors]:
    """Views into `body`, one per (rows, dimensions). Raises BrokenFrame when they do not fill it exactly."""
    if sum(rows * dimensions for rows, dimensions in shapes) * FLOAT.itemsize != len(body):
        raise BrokenFrame("a body does not have the size its header says")
    values = np.frombuffer(body, dtype=FLOAT)
    views, start = [], 0
    for rows, dimensions in shapes:
        end = start + rows * dimensions
        views.append(values[start:end].reshape(rows, dimensions))
        start = end
    return views
