"""Wait before sending, so that a platform's limits are kept rather than hit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

MOST_PLACES = 10_000


@dataclass(slots=True)
class _Place:
    """One key's turns: when the next is due, and who waits for it, first come first served."""

    due: float = 0.0
    waiting: asyncio.Lock = field(default_factory=asyncio.Lock)


class Pace:
    """At most `rate` turns a second for each key, after `burst` at once; in order for each key.

    The generic cell rate algorithm: a key keeps nothing but the moment its next turn is due, and may be
    ahead of it by all but one turn of the burst. Clock and sleep are monotonic seconds.
    """

    def __init__(
        self,
        rate: float,
        burst: int = 1,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._interval = 1 / rate
        self._ahead = (burst - 1) * self._interval
        self._clock = clock
        self._sleep = sleep
        self._places: dict[str, _Place] = {}

    async def wait(self, key: str = "") -> None:
        """Return when it is this caller's turn. A caller that is cancelled takes no turn."""
        place = self._place(key)
        async with place.waiting:
            while (pause := place.due - self._ahead - self._clock()) > 0:
                await self._sleep(pause)
            self._taken(place)

    def take(self, key: str = "") -> bool:
        """Whether a turn was free now and nobody waits; it is then taken."""
        place = self._place(key)
        if place.waiting.locked() or place.due - self._ahead > self._clock():
            return False
        self._taken(place)
        return True

    def hold(self, key: str, seconds: float) -> None:
        """Give no turn for so long, because the platform said so."""
        place = self._place(key)
        place.due = max(place.due, self._clock() + seconds + self._ahead)

    def _taken(self, place: _Place) -> None:
        place.due = max(place.due, self._clock()) + self._interval

    def _place(self, key: str) -> _Place:
        if key not in self._places:
            self._forget()
            self._places[key] = _Place()
        return self._places[key]

    def _forget(self) -> None:
        """Drop the keys whose turns are all free again, when there are many."""
        if len(self._places) < MOST_PLACES:
            return
        now = self._clock()
        kept = {key: each for key, each in self._places.items() if each.due > now or each.waiting.locked()}
        self._places = kept
