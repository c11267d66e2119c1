"""How failures of models, and of what they were given, travel between processes."""

from __future__ import annotations

from typing import Any

from bot.errors import (
    BadInput,
    BadModel,
    DeadlineExceeded,
    ModelError,
    Overloaded,
    ParleyError,
    TooLarge,
    Uncomputable,
    WorkerUnavailable,
)


class Leaving(WorkerUnavailable):
    """The worker is about to stop, and takes nothing new; another one may be asked."""


class WorkerDied(Exception):
    """The worker ended, fell silent, hung or spoke nonsense; the message says which."""


KINDS: dict[str, type[ParleyError]] = {
    kind.__name__: kind
    for kind in (BadInput, BadModel, DeadlineExceeded, Leaving, TooLarge, Uncomputable, WorkerUnavailable)
}


def pack_error(error: ParleyError) -> dict[str, Any]:
    """`error` as fields of a header."""
    if isinstance(error, Overloaded):
        return {"error": "Overloaded", "retry_after": error.retry_after}
    return {"error": type(error).__name__, "reason": str(error)}


def unpack_error(fields: dict[str, Any]) -> ParleyError:
    """The error of `pack_error`."""
    if fields["error"] == "Overloaded":
        return Overloaded(float(fields["retry_after"]))
    return KINDS.get(fields["error"], ModelError)(str(fields["reason"]))
