"""How often the bot signs in to the gateway: pauses that grow, and a budget that outlives the process."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from storage.notes import Notes

log = logging.getLogger(__name__)

DAY_SECONDS = 86_400.0
SIGN_INS_A_DAY = 200  # Discord takes the token away at 1,000
APART_SECONDS = 5.0
RESERVE = 20  # of Discord's own count, left to an operator who tries something by hand


@dataclass(frozen=True, slots=True)
class Clock:
    """The wall's clock and a way to wait; tests bring their own."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Pauses:
    """Pauses in seconds that double from `first` to `longest`, each up to a half shorter by chance."""

    def __init__(self, first: float, longest: float, chance: random.Random) -> None:
        self._first = first
        self._longest = longest
        self._chance = chance
        self._count = 0

    def next(self) -> float:
        """The next pause."""
        pause = min(self._longest, self._first * 2.0 ** min(self._count, 20))
        self._count += 1
        return pause * self._chance.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Begin with the shortest again."""
        self._count = 0


class Budget:
    """At most 200 sign-ins in any 24 hours, over all starts of the bot, 5 s apart."""

    def __init__(self, notes: Notes, area: str, clock: Clock) -> None:
        self._notes = notes
        self._area = area
        self._clock = clock

    async def take(self, report: Callable[[str], None]) -> None:
        """Wait until one more is allowed and note it durably. `report` is told of a long wait."""
        while (wait := self._wait(await self._moments())) > 0:
            if wait > APART_SECONDS:
                self._cry(wait)
                report(f"waiting {wait / 3600:.1f} hours: too many sign-ins today; the log says more")
            await self._clock.sleep(wait)
        moments = [*await self._moments(), self._clock.now()]
        await self._notes.write(self._area, {"identifies": json.dumps(moments)})

    async def heed(self, remaining: int, reset_seconds: float) -> None:
        """Wait when Discord itself counts too many."""
        if remaining > RESERVE:
            return
        log.critical(
            "Discord allows %d more sign-ins: the bot waits %.0f minutes. Find what breaks its connection.",
            remaining,
            reset_seconds / 60,
        )
        await self._clock.sleep(reset_seconds)

    async def _moments(self) -> list[float]:
        noted = json.loads((await self._notes.read(self._area)).get("identifies", "[]"))
        now = self._clock.now()
        return [min(each, now) for each in noted if each > now - DAY_SECONDS]

    def _wait(self, moments: list[float]) -> float:
        if not moments:
            return 0.0
        ready = moments[-1] + APART_SECONDS
        if len(moments) >= SIGN_INS_A_DAY:
            ready = max(ready, moments[-SIGN_INS_A_DAY] + DAY_SECONDS)
        return ready - self._clock.now()

    def _cry(self, wait: float) -> None:
        log.critical(
            "the bot signed in to Discord %d times in 24 hours and waits %.1f hours before the next time. "
            "Find what breaks its connection: Discord resets the token at 1,000.",
            SIGN_INS_A_DAY,
            wait / 3600,
        )
