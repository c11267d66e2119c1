"""Slack's signatures: who sent a request, when, and whether it came before."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum, auto
from typing import Generic, TypeVar

SKEW_SECONDS = 300
REMEMBERED_SECONDS = 600.0
LONGEST_TIMESTAMP = 12
SIGNATURE_CHARACTERS = 67  # v0= and 64 hexadecimal digits

T = TypeVar("T")


class Verdict(Enum):
    """What a signature is worth."""

    GOOD = auto()
    LATE = auto()
    FORGED = auto()


def verdict(secret: str, body: bytes, timestamp: str, signature: str, now: float) -> Verdict:
    """Check a signature, HMAC-SHA256 of `v0:timestamp:body`, in a time that tells nothing of it.

    LATE: Slack's, but from over five minutes before or after this machine's clock. Nothing raises.
    """
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= LONGEST_TIMESTAMP):
        return Verdict.FORGED
    signed = b"v0:" + timestamp.encode() + b":" + body
    expected = "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    given = signature.encode("utf-8", "replace")[: 2 * SIGNATURE_CHARACTERS]
    if not hmac.compare_digest(expected.encode(), given):
        return Verdict.FORGED
    return Verdict.GOOD if abs(now - int(timestamp)) <= SKEW_SECONDS else Verdict.LATE


class Remembered(Generic[T]):
    """What was made of each signature, for ten minutes: twice the time in which it is good."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, T]] = OrderedDict()

    def get(self, signature: str) -> T | None:
        """What was kept under a signature, or None."""
        self._forget()
        kept = self._kept.get(signature)
        return None if kept is None else kept[1]

    def keep(self, signature: str, value: T) -> None:
        """Keep something under a signature."""
        self._forget()
        self._kept[signature] = self._clock() + REMEMBERED_SECONDS, value

    def drop(self, signature: str) -> None:
        """Forget a signature: its request may come again."""
        self._kept.pop(signature, None)

    def _forget(self) -> None:
        now = self._clock()
        while self._kept and next(iter(self._kept.values()))[0] <= now:
            self._kept.popitem(last=False)
