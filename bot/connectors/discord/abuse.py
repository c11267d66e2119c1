"""Stop before Discord does: it bans addresses after 10,000 invalid requests in ten minutes."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import aiohttp

from bot.connectors.pacing import Pace
from bot.errors import Refused, RetryLater

log = logging.getLogger(__name__)

WINDOW_SECONDS = 600.0
ALARM = 500
STOP = 2_000
INVALID = (401, 403, 429)


class Abuse:
    """Counts answers of 401, 403 and 429; a limit that is shared with other bots does not count.

    A channel that answered 403 is left alone for ten minutes.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._moments: deque[float] = deque(maxlen=STOP)
        self._alarmed_at = -WINDOW_SECONDS
        self._closed: dict[str, float] = {}

    def trace(self, pace: Pace | None = None) -> aiohttp.TraceConfig:
        """Hooks that count the answers of a session, and give its requests their turns."""
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._ended)
        if pace is not None:
            trace.on_request_start.append(partial(_await_turn, pace))
        return trace

    def count(self, status: int, scope: str = "") -> None:
        """Note an answer."""
        if status not in INVALID or scope == "shared":
            return
        now = self._clock()
        self._moments.append(now)
        while self._moments[0] <= now - WINDOW_SECONDS:
            self._moments.popleft()
        if len(self._moments) >= ALARM and now - self._alarmed_at >= WINDOW_SECONDS:
            self._alarmed_at = now
            log.critical(
                "%d requests to Discord were refused in ten minutes: look at the bot's permissions. "
                "At %d it stops sending for a while; Discord bans the address at 10,000.",
                len(self._moments),
                STOP,
            )

    def check(self) -> None:
        """Raises RetryLater while there were too many."""
        if len(self._moments) < STOP:
            return
        left = self._moments[0] + WINDOW_SECONDS - self._clock()
        if left > 0:
            raise RetryLater(left, "too many requests were refused")
        self._moments.clear()

    def close(self, channel: str) -> None:
        """The bot may not write to a channel."""
        now = self._clock()
        self._closed = {each: until for each, until in self._closed.items() if until > now}
        self._closed[channel] = now + WINDOW_SECONDS

    def check_channel(self, channel: str) -> None:
        """Raises Refused for a channel where the bot may not write."""
        if self._closed.get(channel, 0.0) > self._clock():
            raise Refused("the bot may not write there; it is tried again ten minutes after the last time")

    async def _ended(
        self, session: aiohttp.ClientSession, context: SimpleNamespace, ended: aiohttp.TraceRequestEndParams
    ) -> None:
        self.count(ended.response.status, ended.response.headers.get("X-RateLimit-Scope", ""))


async def _await_turn(pace: Pace, *_: object) -> None:
    await pace.wait()
