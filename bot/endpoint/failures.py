"""What a server's refusals mean, and what an operator does about them."""

from __future__ import annotations

from collections.abc import Mapping

from bot.endpoint.options import EndpointOptions
from bot.errors import ModelError, Overloaded, Uncomputable, WorkerUnavailable

BUSY = (429, 503)
PAUSES = (0.3, 1.0)
PATIENCE_SECONDS = 3.0
WAIT_SECONDS = 10.0
LONGEST_WAIT = 3600.0


class Passing(WorkerUnavailable):
    """What may be gone at the next try."""


def refusal(status: int, headers: Mapping[str, str], options: EndpointOptions) -> ModelError:
    """The error of a status that is not 200. What the server writes beside it is not repeated."""
    if status in BUSY:
        return Overloaded(_seconds(headers.get("Retry-After", "")))
    if status in (401, 403):
        words = "does not take the key. Set PARLEY_ENDPOINT__KEY or endpoint.key_file."
        return WorkerUnavailable(f"The model's server at {options.url} {words}")
    if status == 404:
        words = f"knows no model {options.model!r}, or has another address. Check endpoint.url and model."
        return WorkerUnavailable(f"The server at {options.url} {words}")
    if 300 <= status < 400:
        return WorkerUnavailable(f"The server at {options.url} points elsewhere. Set endpoint.url to that.")
    if status < 500:
        words = "It may be too long for it, or it has no such model."
        return Uncomputable(f"The model's server refused the request ({status}). {words}")
    return Passing(f"The model's server at {options.url} fails ({status}). Look into its log.")


def unreachable(options: EndpointOptions) -> ModelError:
    """Nobody answers there."""
    return Passing(f"The model's server at {options.url} cannot be reached. Is it running?")


def broken_off(options: EndpointOptions) -> ModelError:
    """The connection ended before the answer did."""
    return Passing(f"The model's server at {options.url} broke off.")


def pause(error: ModelError, tried: int) -> float | None:
    """Seconds after which to try again, having tried so often; None when that would not help."""
    if tried > len(PAUSES):
        return None
    if isinstance(error, Overloaded):
        return error.retry_after if error.retry_after <= PATIENCE_SECONDS else None
    return PAUSES[tried - 1] if isinstance(error, Passing) else None


def _seconds(header: str) -> float:
    try:
        return min(LONGEST_WAIT, max(1.0, float(header)))
    except ValueError:
        return WAIT_SECONDS
