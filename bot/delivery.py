"""Hand the outbox to the connectors: in order within a conversation, each part seen once."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping

from bot import faults
from bot.connector import Connector, Outgoing
from bot.errors import Refused, RetryLater, Uncertain
from bot.message import unpack_message, unpack_reply
from storage import Fenced, OutboxState, Part, StorageError, Store

log = logging.getLogger(__name__)

SEND_SECONDS = 30.0
ATTEMPTS = 12
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
GRACE_SECONDS = 1.0
PAGE = 500


class Delivery:
    """The way out of one process.

    A part is marked sent only after its connector says so. Where sending a key twice would show it
    twice, each attempt is marked durably first, and after an unknown outcome the connector looks the
    part up before it is sent again.
    """

    def __init__(self, store: Store, connectors: Mapping[str, Connector]) -> None:
        self._store = store
        self._connectors = connectors
        self._queues: dict[int, deque[Part]] = {}
        self._group: asyncio.TaskGroup | None = None

    @property
    def busy(self) -> bool:
        """Whether parts are on their way."""
        return bool(self._queues)

    def deliver(self, parts: list[Part]) -> None:
        """Queue the parts of one reply behind what their conversation already has on the way."""
        for part in parts:
            queue = self._queues.get(part.conversation_id)
            if queue is not None:
                queue.append(part)
            elif self._group is not None:
                self._queues[part.conversation_id] = deque([part])
                self._group.create_task(self._empty(part.conversation_id))

    async def run(self) -> None:
        """Deliver until cancelled, beginning with what a former process left."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                await self._take_up()
                await asyncio.Event().wait()
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

    async def _take_up(self) -> None:
        last = 0
        while parts := await self._store.outbox.pending(tuple(self._connectors), PAGE, last):
            self.deliver(parts)
            last = parts[-1].id

    async def _empty(self, conversation: int) -> None:
        queue = self._queues[conversation]
        try:
            while queue:
                await self._part(queue[0])
                queue.popleft()
        finally:
            del self._queues[conversation]

    async def _part(self, part: Part) -> None:
        connector = self._connectors[part.platform]
        pause, attempt = FIRST_PAUSE, part.attempts
        in_doubt = part.state is OutboxState.ATTEMPTING
        while attempt < ATTEMPTS:
            attempt += 1
            outgoing = _outgoing(part, attempt)
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
                pause, in_doubt = max(pause, error.seconds), False
                await self._store.outbox.retry(part.id)
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
            await asyncio.sleep(GRACE_SECONDS)
            sent_as = await connector.find(outgoing)
        if sent_as is None:
            sent_as = await self._send(connector, part, outgoing)
        await self._store.outbox.mark_sent(part.id, sent_as)
        faults.reach("after_sent_mark")

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


def _outgoing(part: Part, attempt: int) -> Outgoing:
    return Outgoing(part.key, unpack_message(part.trigger, ""), unpack_reply(part.packed), attempt)
