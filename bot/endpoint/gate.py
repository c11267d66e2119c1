"""Lets so many requests at a server at once, urgent ones first."""

from __future__ import annotations

import asyncio
import heapq
import itertools

from bot.errors import Overloaded
from bot.message import Priority

MOST_WAITING = 256
# A request of a class waits as if it had come so many seconds later for each class above it.
AGE_SECONDS = 20.0
BUSY_SECONDS = 10.0


class Gate:
    """Alerts pass before people, people before background; whoever waited long enough passes first."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []

    async def enter(self, priority: Priority) -> None:
        """Take a place, which `leave` gives back. Raises Overloaded when too many wait already."""
        if self._free > 0:
            self._free -= 1
            return
        self._waiting = [each for each in self._waiting if not each[2].done()]
        heapq.heapify(self._waiting)
        if len(self._waiting) >= MOST_WAITING:
            raise Overloaded(BUSY_SECONDS)
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        due = loop.time() + AGE_SECONDS * priority
        heapq.heappush(self._waiting, (due, next(self._order), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """Give a place back: to the first who still waits."""
        while self._waiting:
            *_, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
