"""What goes over HTTP between a bot and the workers behind one address: JSON, with bytes in base64.

`GET ready` is answered with a worker's introduction, `GET health` with its health, as frames have them.
`POST ask` takes what an `ask` frame says, a recording as `recording`, and gives `values`, or `vectors` of
a `shape`. With `stream` it gives lines: `{"text": …}` for each piece, then the answer. What fails gives
`error` and `reason`; the status says the same to whoever looks at nothing else.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from bot.errors import (
    BadInput,
    BadModel,
    DeadlineExceeded,
    Overloaded,
    ParleyError,
    TooLarge,
    Uncomputable,
)
from bot.worker.wire import frames

LINES = "application/x-ndjson"
STATUSES: Mapping[type[ParleyError], int] = {
    BadModel: 404,
    TooLarge: 413,
    BadInput: 400,
    Uncomputable: 422,
    Overloaded: 429,
    DeadlineExceeded: 504,
}


def status_of(error: ParleyError) -> int:
    """The status of a failure; 503 for a worker that is not there."""
    return next((status for kind, status in STATUSES.items() if isinstance(error, kind)), 503)


def pack_ask(header: frames.Header, body: bytes) -> dict[str, Any]:
    """The ask of a frame."""
    fields = {name: value for name, value in header.items() if name not in ("id", "kind")}
    if body:
        fields["recording"] = base64.b64encode(body).decode()
    if "speakers" in fields.get("choices", {}):
        fields["stream"] = True
    return fields


def pack_answer(answer: Any) -> dict[str, Any]:
    """An answer of a worker: rows, or the fields of a value."""
    if isinstance(answer, np.ndarray):
        rows = base64.b64encode(frames.pack_vectors(answer)).decode()
        return {"shape": list(answer.shape), "vectors": rows}
    return {"values": answer}


def unpack_answer(fields: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The fields and the body of the answer's frame. Raises what a mapping raises for nonsense."""
    if "error" in fields:
        return {name: fields[name] for name in ("error", "reason", "retry_after") if name in fields}, b""
    if "vectors" not in fields:
        return {"values": fields["values"]}, b""
    rows, (count, dimensions) = base64.b64decode(fields["vectors"], validate=True), fields["shape"]
    frames.unpack_vectors(rows, [(count, dimensions)])
    return {"shape": [count, dimensions]}, rows


def line(fields: Mapping[str, Any]) -> bytes:
    """One line of a stream."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
