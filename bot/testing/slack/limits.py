"""Slack's rate limits: tiers per method, and one post a second per channel."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

POST_BURST = 3


@dataclass(slots=True)
class Bucket:
    """A token bucket: `most` at once, then `per_second`."""

    most: float
    per_second: float
    filled: float
    looked_at: float

    def take(self, now: float) -> float:
        """0 when there is room, else the seconds until there is."""
        self.filled = min(self.most, self.filled + (now - self.looked_at) * self.per_second)
        self.looked_at = now
        if self.filled >= 1:
            self.filled -= 1
            return 0.0
        return (1 - self.filled) / self.per_second


class Limits:
    """The buckets of a strict Slack. `limited` counts the calls that were refused."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.limited = 0
        self.post_seconds = 1.0
        self._clock = clock
        self._buckets: dict[tuple[str, ...], Bucket] = {}

    def post(self, channel: str) -> int:
        """A post to a channel: 0, or the Retry-After in whole seconds."""
        return self._take(("post", channel), POST_BURST, 1 / self.post_seconds)

    def call(self, team: str, method: str, per_minute: int) -> int:
        """A call of a method: 0, or the Retry-After in whole seconds."""
        return self._take((team, method), max(per_minute, 10), per_minute / 60)

    def _take(self, key: tuple[str, ...], most: float, per_second: float) -> int:
        now = self._clock()
        bucket = self._buckets.setdefault(key, Bucket(most, per_second, most, now))
        wait = bucket.take(now)
        self.limited += wait > 0
        return math.ceil(wait)
