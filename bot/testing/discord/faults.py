"""How the fake Discord misbehaves: by dice, and as a test orders it."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.testing.discord.state import Json

VIA = "1.1 google"
BROKEN = (500, 502, 503, 504)

Body = bytes | str | Json | list[Any] | Callable[[], AsyncIterator[bytes]] | None


@dataclass(frozen=True, slots=True)
class Dice:
    """How often the platform misbehaves, each from 0 to 1.

    Per request: `busy` answers 429; `broken` 500, 502, 503 or 504 with nothing done; `lost_answer`
    does what was asked and drops the connection without an answer. Per event: `duplicate` sends it
    twice, `reorder` swaps it with the next.
    """

    busy: float = 0.0
    broken: float = 0.0
    lost_answer: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0


@dataclass(slots=True)
class Answer:
    """What a request is answered with. `body` may be a function that streams it, however slowly."""

    status: int
    body: Body = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with a request: the answer instead of the right one, None for a dropped connection.

    Where it is `accepted`, the request is carried out first.
    """

    answer: Answer | None
    accepted: bool = False


@dataclass(slots=True)
class Order:
    """A fault ordered for coming requests."""

    method: str
    pattern: re.Pattern[str]
    fault: Fault
    times: int


class Faults:
    """Rolls the dice and keeps what was ordered."""

    def __init__(self, dice: Dice, seed: int) -> None:
        self.dice = dice
        self._random = random.Random(seed)  # noqa: S311 - dice, not secrets
        self._orders: list[Order] = []

    def roll(self, chance: float) -> bool:
        """Whether something of that chance happens now."""
        return chance > 0 and self._random.random() < chance

    def order(self, order: Order) -> None:
        """Let coming requests go wrong."""
        self._orders.append(order)

    def ordered(self, method: str, path: str) -> Fault | None:
        """The fault ordered for a request, counted as done."""
        for order in self._orders:
            if order.method in (method, "*") and order.pattern.search(path):
                order.times -= 1
                if not order.times:
                    self._orders.remove(order)
                return order.fault
        return None

    def rolled(self) -> Fault | None:
        """The fault the dice have for a request."""
        if self.roll(self.dice.busy):
            scope = self._random.choices(("user", "shared", "global"), (6, 2, 2))[0]
            return Fault(too_many(self._random.uniform(0.02, 0.2), scope))
        if self.roll(self.dice.broken):
            return Fault(Answer(self._random.choice(BROKEN), "upstream connect error"))
        return Fault(None, accepted=True) if self.roll(self.dice.lost_answer) else None


def too_many(seconds: float, scope: str = "user", headers: Mapping[str, str] | None = None) -> Answer:
    """429, to be tried again after some seconds. `scope` is user, shared or global."""
    is_global = scope == "global"
    body: Json = {
        "message": "You are being rate limited.",
        "code": 0,
        "retry_after": round(seconds, 3),
        "global": is_global,
    }
    sent = {"Via": VIA, "Retry-After": str(int(seconds) + 1), "X-RateLimit-Scope": scope}
    if is_global:
        sent["X-RateLimit-Global"] = "true"
    return Answer(429, body, sent | dict(headers or {}))
