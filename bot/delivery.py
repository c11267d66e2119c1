"""Hand the outbox to the connectors: in order within a conversation, each part seen once."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeAlias

from bot import faults
from bot.connector import Connector, Outgoing
from bot.errors import Refused, RetryLater, Uncertain
from bot.message import Author, Channel, Message, Reply, unpack_message, unpack_reply
from storage import Fenced, OutboxState, Part, StorageError, Store

log = logging.getLogger(__name__)

SEND_SECONDS = 30.0
ATTEMPTS = 12
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
LONGEST_WAIT = 900.0
SWEEP_SECONDS = 1.0
PAGE = 500

Place: TypeAlias = tuple[str, int]
"""A platform and the conversation whose order counts there."""


class Delivery:
    """The way out of one process, to the platforms that are open in it.

    A part is marked sent only after its connector says so. Where sending a key twice would show it
    twice, each attempt is marked durably first, and after an unknown outcome the connector looks the
    part up before it is sent again. `in_doubt` counts parts sent again although the first may have
    arrived unseen.
    """

    def __init__(self, store: Store, connectors: Mapping[str, Connector]) -> None:
        self.in_doubt = 0
        self._store = store
        self._connectors = connectors
        self._queues: dict[Place, deque[Part]] = {}
        self._held: set[int] = set()
        self._emptying: dict[Place, asyncio.Task[None]] = {}
        self._swept: dict[str, int] = {}
        self._group: asyncio.TaskGroup | None = None

    @property
    def busy(self) -> bool:
        """Whether parts are on their way."""
        return bool(self._queues)

    def deliver(self, parts: list[Part]) -> None:
        """Queue parts behind what their conversation already has on the way there.

        Parts for a platform that is not open here stay in the outbox, for the process where it is.
        """
        for part in parts:
            if part.platform in self._swept and self._group is not None and part.id not in self._held:
                self._queue(part)

    async def open(self, platform: str) -> None:
        """Begin to deliver to a platform, first what was written before.

        What is handed over while the outbox is read is taken, too: nothing falls between.
        """
        await self._sweep(platform, self._swept.setdefault(platform, 0))

    async def close(self, platform: str) -> None:
        """Stop delivering to a platform at once: another process goes on."""
        self._swept.pop(platform, None)
        stopped = [task for place, task in self._emptying.items() if place[0] == platform]
        for task in stopped:
            task.cancel()
        await asyncio.gather(*stopped, return_exceptions=True)

    async def run(self) -> None:
        """Deliver until cancelled; what other processes write for platforms open here is found, too."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                while True:
                    await asyncio.sleep(SWEEP_SECONDS)
                    await self._sweep_all()
            finally:
                self._group = None

    async def drain(self, seconds: float) -> None:
        """Wait until everything on its way has arrived, at most `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while self.busy:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            log.warning("%d conversations have replies left for the next start", len(self._queues))

    async def _sweep_all(self) -> None:
        for platform, swept in list(self._swept.items()):
            if self._connectors[platform].account:
                try:
                    await self._sweep(platform, swept)
                except StorageError as error:
                    log.warning("the outbox was not swept: %s", error)

    async def _sweep(self, platform: str, last: int) -> None:
        """Queue what is in the outbox above `last`. Ids grow in commit order, so nothing comes below.

        A platform that is closed while its outbox is read stays closed.
        """
        while parts := await self._store.outbox.pending((platform,), PAGE, last):
            if platform not in self._swept:
                return
            last = parts[-1].id
            self._swept[platform] = last
            self.deliver(parts)

    def _queue(self, part: Part) -> None:
        self._held.add(part.id)
        place = (part.platform, part.conversation_id)
        if queue := self._queues.get(place):
            behind = next((n for n, each in enumerate(queue) if n and each.id > part.id), len(queue))
            queue.insert(behind, part)
        elif self._group is not None:
            self._queues[place] = deque([part])
            self._emptying[place] = self._group.create_task(self._empty(place))

    async def _empty(self, place: Place) -> None:
        queue = self._queues[place]
        try:
            while queue:
                await self._part(queue[0])
                self._held.discard(queue.popleft().id)
        finally:
            self._held.difference_update(part.id for part in queue)
            del self._queues[place], self._emptying[place]

    async def _part(self, part: Part) -> None:
        connector = self._connectors[part.platform]
        pause, attempt = FIRST_PAUSE, 0
        in_doubt, tried_at = part.state is OutboxState.ATTEMPTING, part.first_tried_at
        while attempt < ATTEMPTS:
            attempt += 1
            outgoing = _outgoing(part, attempt, tried_at)
            if not in_doubt:
                tried_at = tried_at or datetime.now(UTC)
            try:
                await self._once(connector, part, outgoing, in_doubt=in_doubt)
            except Fenced:
                log.info("part %s is not to be sent any more", part.key)
                return
            except Refused as error:
                log.warning("part %s was refused: %s", part.key, error)
                await self._store.outbox.mark_failed(part.id, str(error))
                return
            except RetryLater as error:
                pause, in_doubt = max(pause, min(error.seconds, LONGEST_WAIT)), False
                attempt -= 1  # a platform that names its time is not failing
                if error.seconds > LONGEST_WAIT:
                    log.error("%s takes nothing for %.0f s", part.platform, error.seconds)  # noqa: TRY400
                await self._store.outbox.retry(part.id)
                await asyncio.sleep(pause)
                continue
            except StorageError as error:
                log.warning("part %s waits for the database: %s", part.key, error)
                in_doubt = True
            except Exception as error:  # noqa: BLE001 - the wall around a connector
                log.warning("part %s: outcome unknown (%s)", part.key, type(error).__name__)
                in_doubt = True
            else:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        log.error("part %s is given up after %d attempts", part.key, attempt)
        await self._store.outbox.mark_failed(part.id, f"not delivered in {attempt} attempts")

    async def _once(self, connector: Connector, part: Part, outgoing: Outgoing, *, in_doubt: bool) -> None:
        sent_as: str | None = None
        if in_doubt and not connector.delivers_once:
            await asyncio.sleep(connector.grace_seconds)
            sent_as = await connector.find(outgoing)
            if sent_as is None:
                self._doubt(outgoing)
        if sent_as is None:
            await connector.pace(outgoing)
            sent_as = await self._send(connector, part, outgoing)
        await self._store.outbox.mark_sent(part.id, sent_as)
        faults.reach("after_sent_mark")

    def _doubt(self, outgoing: Outgoing) -> None:
        """No trace is left of an uncertain attempt. Raises Refused where it must not be repeated."""
        if outgoing.reply.at_most_once:
            raise Refused("it may have arrived, and may not be sent twice")
        self.in_doubt += 1
        log.info("part %s is sent again: no trace of the attempt before", outgoing.key)

    async def _send(self, connector: Connector, part: Part, outgoing: Outgoing) -> str:
        if not connector.delivers_once:
            await self._store.outbox.mark_attempting(part.id)
        faults.reach("before_send")
        try:
            async with asyncio.timeout(SEND_SECONDS):
                sent_as = await connector.send(outgoing)
        except TimeoutError:
            raise Uncertain(f"no answer in {SEND_SECONDS:.0f} seconds") from None
        faults.reach("after_send")
        return sent_as


def _outgoing(part: Part, attempt: int, tried_at: datetime | None) -> Outgoing:
    reply = unpack_reply(part.packed)
    message = unpack_message(part.trigger, "") if part.trigger else _unasked(part, reply)
    return Outgoing(part.key, message, reply, attempt, part.created_at, tried_at)


def _unasked(part: Part, reply: Reply) -> Message:
    """In place of the event that what observers and jobs say does not answer."""
    return Message(part.key, Channel.named(reply.to), Author("", is_bot=True), "", part.created_at)
