"""How failures of models travel between processes."""

from __future__ import annotations

from typing import Any

from bot.errors import BadModel, DeadlineExceeded, ModelError, Overloaded, Uncomputable, WorkerUnavailable


def pack_error(error: ModelError) -> dict[str, Any]:
    """`error` as fields of a header."""
    if isinstance(error, Overloaded):
        return {"error": "Overloaded", "retry_after": error.retry_after}
    return {"error": type(error).__name__, "reason": str(error)}


def unpack_error(fields: dict[str, Any]) -> ModelError:
    """The error of `pack_error`."""
    if fields["error"] == "Overloaded":
        return Overloaded(float(fields["retry_after"]))
    kinds = {kind.__name__: kind for kind in (BadModel, DeadlineExceeded, Uncomputable, WorkerUnavailable)}
    return kinds.get(fields["error"], ModelError)(fields["reason"])
