"""Discord's documented limits, enforced to the letter."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from hashlib import sha256

from bot.testing.discord.faults import Answer, too_many

GLOBAL_REQUESTS = 50
GATEWAY_SENDS = 120
GATEWAY_SECONDS = 60.0
MESSAGE = "/channels/{channel_id}/messages"
# Requests and seconds, for each channel.
BUCKETS = {
    ("POST", MESSAGE): (5, 5.0),
    ("PATCH", f"{MESSAGE}/{{message_id}}"): (5, 5.0),
    ("DELETE", f"{MESSAGE}/{{message_id}}"): (5, 1.0),
    ("PUT", f"{MESSAGE}/{{message_id}}/reactions/{{emoji_name}}/@me"): (1, 0.25),
    ("POST", "/channels/{channel_id}/typing"): (5, 5.0),
}


@dataclass(slots=True)
class Bucket:
    """So many requests until a moment, then as many again."""

    limit: int
    seconds: float
    name: str
    used: int = 0
    ends: float = 0.0

    def take(self, now: float) -> float:
        """Count one request; the seconds to wait when it is one too many, else 0."""
        if now >= self.ends:
            self.used, self.ends = 0, now + self.seconds
        if self.used == self.limit:
            return self.ends - now
        self.used += 1
        return 0.0

    def headers(self, now: float) -> dict[str, str]:
        """What Discord tells about the bucket with every answer."""
        left = max(self.ends - now, 0.0)
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.limit - self.used),
            "X-RateLimit-Reset": f"{time.time() + left:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Bucket": self.name,
        }


@dataclass(slots=True)
class Window:
    """At most so many in any stretch of time."""

    limit: int
    seconds: float
    moments: deque[float] = field(default_factory=deque)

    def take(self, now: float) -> float:
        """Count one; the seconds to wait when it is one too many, else 0."""
        while self.moments and self.moments[0] <= now - self.seconds:
            self.moments.popleft()
        if len(self.moments) >= self.limit:
            return self.moments[0] + self.seconds - now
        self.moments.append(now)
        return 0.0


class Limits:
    """All buckets of one bot; `limited` counts the requests refused."""

    def __init__(self) -> None:
        self.limited = 0
        self._buckets: dict[tuple[str, str, str], Bucket] = {}
        self._global = Window(GLOBAL_REQUESTS, 1.0)

    def check(self, method: str, route: str, place: str) -> tuple[Answer | None, dict[str, str]]:
        """The refusal of a request, if any, and the headers of its answer."""
        if route.startswith(("/interactions/", "/webhooks/")):
            return None, {}
        now = time.monotonic()
        if wait := self._global.take(now):
            return self._refuse(wait, "global", {}), {}
        if (method, route) not in BUCKETS:
            return None, {}
        bucket = self._bucket(method, route, place)
        wait = bucket.take(now)
        headers = bucket.headers(now)
        return (self._refuse(wait, "user", headers) if wait else None), headers

    def _refuse(self, wait: float, scope: str, headers: dict[str, str]) -> Answer:
        self.limited += 1
        return too_many(wait, scope, headers)

    def _bucket(self, method: str, route: str, place: str) -> Bucket:
        key = (method, route, place)
        if key not in self._buckets:
            limit, seconds = BUCKETS[method, route]
            name = sha256(f"{method} {route}".encode()).hexdigest()[:32]
            self._buckets[key] = Bucket(limit, seconds, name)
        return self._buckets[key]
