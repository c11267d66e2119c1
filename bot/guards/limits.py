"""How many messages a person or a channel may have answered in a minute."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from bot.message import Message
from bot.settings import LimitSettings

REMEMBERED = 10_000
MINUTE = 60.0


class TokenBuckets:
    """One bucket per key: `per_minute` tokens, refilled evenly. The least used keys are forgotten first.

    Token bucket as in RFC 2697, with rate per_minute/60 per second and depth per_minute.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._depth = float(per_minute)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Take a token: 0.0 when there was one, else the seconds until there is (nothing is taken then)."""
        if not self._depth:
            return 0.0
        moment = self._clock()
        tokens, since = self._buckets.pop(key, (self._depth, moment))
        tokens = min(self._depth, tokens + (moment - since) * self._depth / MINUTE)
        taken = tokens >= 1.0
        self._buckets[key] = (tokens - 1.0 if taken else tokens, moment)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1.0 - tokens) * MINUTE / self._depth


class Limits:
    """The limits of one bot. The terminal, where the operator sits, has none."""

    def __init__(self, settings: LimitSettings) -> None:
        self._persons = TokenBuckets(settings.person_per_minute)
        self._channels = TokenBuckets(settings.channel_per_minute)

    def wait(self, message: Message) -> float:
        """Seconds the author has to wait before being answered; 0.0 when this message may be."""
        channel = message.channel
        if channel.platform == "terminal":
            return 0.0
        return self._persons.wait(f"{channel.platform}:{message.author.id}") or self._channels.wait(
            channel.conversation
        )
