"""Follow the events in their order, as one observer does: batch by batch, around what makes it fail."""

from __future__ import annotations

import asyncio
import logging
import traceback
from contextlib import suppress
from operator import attrgetter
from typing import TypeAlias

from bot.errors import Overloaded, WorkerUnavailable
from bot.guards.access import Access
from bot.message import Author, EventKind, now, unpack_message
from bot.observers import Observed, Observer
from bot.steps import Span, Steps, mark_of
from storage import Role, Seen, StorageError, Store

log = logging.getLogger(__name__)

TRIES = 3
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
LOOK_SECONDS = 1.0
LAG = 10_000
"""So many numbers a stored cursor may lie behind while nothing concerns its observer."""
SHOWN = frozenset({EventKind.CREATED, EventKind.EDITED, EventKind.DELETED})

Batch: TypeAlias = list[tuple[int, Observed]]
"""Events with their numbers."""


class Following:
    """One observer on its way. `position` is the number up to which nothing is left to show it."""

    def __init__(self, observer: Observer, store: Store, steps: Steps, access: Access) -> None:
        self.observer = observer
        self.position = -1
        self._store = store
        self._steps = steps
        self._access = access
        self._mark = mark_of(observer)
        self._cursor = -1
        self._wakened = asyncio.Event()

    def wake(self) -> None:
        """Say that there may be something new."""
        self._wakened.set()

    async def begin(self) -> int:
        """The number up to which the observer has seen everything; that of now for a new one."""
        return int(await self._store.watching.begin(self._mark))

    async def run(self) -> None:
        """Show the observer what happens until cancelled. A new observer begins now."""
        pause = FIRST_PAUSE
        while True:
            before = self._cursor
            try:
                self.position = self._cursor = await self.begin()
                await self._follow()
            except (WorkerUnavailable, Overloaded) as error:
                log.warning("%s waits for the models: %s", self._mark, error)
            except StorageError as error:
                log.warning("%s begins again where it was: %s", self._mark, error)
            except Exception:  # the wall: one observer must not end the others
                log.exception("%s begins again where it was", self._mark)
            pause = FIRST_PAUSE if self._cursor > before else min(pause * 2, LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _follow(self) -> None:
        while True:
            self._wakened.clear()
            if not await self._look():
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._wakened.wait()

    async def _look(self) -> bool:
        """Show the next batch; False when there was nothing new."""
        newest = await self._store.watching.newest()
        if newest <= self.position:
            return False
        rows = await self._read(newest)
        until = rows[-1].number if len(rows) == self.observer.batch else newest
        batch = [(row.number, seen) for row in rows if (seen := self._observed(row)) is not None]
        if batch:
            await self._show(batch, until, TRIES)
        elif until - self._cursor > LAG:
            await self._skip(until)
        self.position = until
        return True

    async def _read(self, until: int) -> list[Seen]:
        """What comes next. `until` is stored as a whole, so that two reads see the same."""
        after, count = self.position, self.observer.batch
        rows = await self._store.watching.events(after, until, count)
        if self.observer.own:
            rows += await self._store.watching.answers(after, until, count)
        return sorted(rows, key=attrgetter("number"))[:count]

    def _observed(self, row: Seen) -> Observed | None:
        """An event as the observer sees it, if it may; of a deleted message only that it was deleted."""
        kind = EventKind(row.kind)
        if kind not in SHOWN or (row.erased and kind is not EventKind.DELETED):
            return None
        if self._access.is_off(row.conversation, self.observer.plugin, self.observer.name):
            return None
        event = None if row.role is Role.BOT else unpack_message(row.packed, "")
        is_bot = event is None or event.author.is_bot
        return Observed(
            kind=kind,
            key=row.key,
            conversation=row.conversation,
            author=Author(row.author, row.author_name, is_bot),
            text=row.text,
            sent_at=row.sent_at,
            link="" if kind is EventKind.DELETED else self._steps.link(row.conversation, row.key),
            is_bot=is_bot,
            is_direct=event.channel.is_direct if event else row.owner is not None,
        )

    async def _show(self, batch: Batch, until: int, tries: int) -> None:
        """Have a batch taken, in halves if it must be; an event that fails alone is passed over."""
        for attempt in range(tries):
            if attempt:
                await asyncio.sleep(FIRST_PAUSE * 2 ** (attempt - 1))
            if await self._taken(batch, until):
                return
        half = len(batch) // 2
        if not half:
            log.error(
                "%s passes over the event of %s: it failed %d times", self._mark, batch[0][1].key, TRIES
            )
            await self._skip(until)
            return
        for part, end in ((batch[:half], batch[half - 1][0]), (batch[half:], until)):
            await self._show(part, end, TRIES if len(part) == 1 else 1)

    async def _taken(self, batch: Batch, until: int) -> bool:
        """Whether the observer took the batch. Raises what is not its fault: no models, no database."""
        try:
            span = Span(str(self._cursor), str(until))
            events = [event for _, event in batch]
            await self._steps.take(
                self.observer, span, now(), lambda context: self.observer.function(context, events)
            )
        except (WorkerUnavailable, Overloaded, StorageError):
            raise
        except TimeoutError:
            log.warning(
                "%s took longer than %g s for %d events", self._mark, self.observer.deadline, len(batch)
            )
            return False
        except Exception as error:  # noqa: BLE001 - the wall around an observer
            self._report(error, len(batch))
            return False
        self._cursor = until
        return True

    def _report(self, error: Exception, count: int) -> None:
        """Where it failed, without what it failed at: an error's words may hold a message's."""
        places = traceback.extract_tb(error.__traceback__)
        place = f"{places[-1].filename}:{places[-1].lineno}" if places else "?"
        log.warning("%s failed at %d events: %s in %s", self._mark, count, type(error).__name__, place)

    async def _skip(self, until: int) -> None:
        await self._steps.skip(self.observer, Span(str(self._cursor), str(until)))
        self._cursor = until
