"""Events between the socket and their commit: in order, at most 2,000, none lost to a slow database."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.errors import DeliveryError
from storage import StorageError

log = logging.getLogger(__name__)

MOST_WAITING = 2_000
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0

Work = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that is not durable yet: its session, its number there, and when it came."""

    session: str
    sequence: int
    came_at: float


class Intake:
    """Each event is worked on in a task of its own; tasks begin in the order of events."""

    def __init__(self, group: asyncio.TaskGroup, clock: Callable[[], float]) -> None:
        self._group = group
        self._clock = clock
        self._numbers = itertools.count()
        self._waiting: dict[int, Waiting] = {}
        self._room = asyncio.Event()
        self._room.set()

    @property
    def oldest(self) -> Waiting | None:
        """The first event that is not durable yet; None when all are."""
        return next(iter(self._waiting.values()), None)

    def take(self, work: Work, session: str, sequence: int) -> None:
        """Begin to work on an event. `work` is done again while the database or Discord cannot be reached."""
        number = next(self._numbers)
        self._waiting[number] = Waiting(session, sequence, self._clock())
        if len(self._waiting) >= MOST_WAITING:
            self._room.clear()
        self._group.create_task(self._carry(number, work))

    async def room(self) -> None:
        """Wait until fewer than 2,000 events wait."""
        await self._room.wait()

    async def _carry(self, number: int, work: Work) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await work()
            except (StorageError, DeliveryError) as error:
                log.warning("an event waits: %s", error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            except Exception as error:  # noqa: BLE001 - the wall: an odd event must not end the connection
                log.warning("an event of Discord is skipped: it cannot be read (%s)", type(error).__name__)
                break
            else:
                break
        del self._waiting[number]
        if len(self._waiting) < MOST_WAITING:
            self._room.set()


async def insist(work: Work) -> None:
    """Do something beside the events until the database and Discord let it succeed."""
    while True:
        try:
            return await work()
        except (StorageError, DeliveryError) as error:
            log.warning("something for Discord waits: %s", error)
            await asyncio.sleep(LONGEST_PAUSE)
        except Exception:  # the wall: what goes wrong beside the events must not end the connection
            log.exception("something for Discord is given up")
            return None
