"""Work the inbox off: one serial lane per conversation, fair across conversations, urgent ones first."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from functools import partial

from bot import faults
from bot.message import Priority
from bot.owner import is_dead, new_owner
from bot.settings import LaneSettings
from storage import Claimed, Fenced, Finish, InboxState, Part, StorageError, Store

log = logging.getLogger(__name__)

AGEING = 8  # every so many turns the least urgent class goes first, so that none starves
READY_LIMIT = 10_000
SWEEP_SECONDS = 2.0
RETRY_SECONDS = 1.0

Walk = Callable[[Claimed], Awaitable[Finish]]
Deliver = Callable[[list[Part]], None]


class Ready:
    """Conversations with work, each once, in classes of priority; bounded, the database knows the rest."""

    def __init__(self) -> None:
        self._classes: dict[Priority, deque[int]] = {priority: deque() for priority in Priority}
        self._waiting: dict[int, Priority] = {}
        self._turns = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, conversation: int, priority: Priority) -> None:
        """Queue a conversation behind the others of its class, unless there is no room.

        One that waits already keeps its place, or moves up to a more urgent class.
        """
        waits_as = self._waiting.get(conversation)
        if waits_as is None and len(self._waiting) >= READY_LIMIT:
            return
        if waits_as is not None:
            if waits_as <= priority:
                return
            self._classes[waits_as].remove(conversation)
        self._waiting[conversation] = priority
        self._classes[priority].append(conversation)

    def take(self) -> tuple[int, Priority]:
        """The next conversation and its class. Raises IndexError when none waits."""
        self._turns += 1
        order = reversed(Priority) if self._turns % AGEING == 0 else iter(Priority)
        waiting = next((queue for priority in order if (queue := self._classes[priority])), None)
        if waiting is None:
            raise IndexError("no conversation waits")
        conversation = waiting.popleft()
        return conversation, self._waiting.pop(conversation)


class Lanes:
    """The lanes of one process, which holds each conversation by a lease while it works on it.

    A message whose process died is tried again alone, so that the message to blame is found; how often
    it was tried comes with it as `attempts`.
    """

    def __init__(
        self, store: Store, settings: LaneSettings, platforms: Collection[str], walk: Walk, deliver: Deliver
    ) -> None:
        self.owner = new_owner()
        self._store = store
        self._settings = settings
        self._platforms = tuple(platforms)
        self._walk = walk
        self._deliver = deliver
        self._ready = Ready()
        self._running: dict[int, asyncio.Task[None]] = {}
        self._again: dict[int, Priority] = {}
        self._walking: dict[str, asyncio.Task[Finish]] = {}
        self._suspects: set[int] = set()
        self._one_suspect = asyncio.Lock()
        self._wakened = asyncio.Event()
        self._stopping = False

    @property
    def busy(self) -> bool:
        """Whether anything waits or runs in this process."""
        return bool(self._ready or self._running)

    def wake(self, conversation: int, priority: Priority = Priority.PERSON) -> None:
        """Say that a conversation has work."""
        if conversation in self._running:
            self._again[conversation] = min(priority, self._again.get(conversation, priority))
        else:
            self._ready.add(conversation, priority)
            self._wakened.set()

    def cancel(self, key: str) -> None:
        """Stop working on the event `key`, because its message was deleted."""
        if walk := self._walking.get(key):
            walk.cancel()

    async def run(self) -> None:
        """Work until cancelled or drained. What a dead process of this machine left is taken up at once."""
        await self._store.inbox.recover(self.owner, self._platforms, await self._dead_owners())
        await self._look()
        async with asyncio.TaskGroup() as group:
            keepers = [group.create_task(self._renew()), group.create_task(self._sweep())]
            try:
                await self._dispatch(group)
            finally:
                for keeper in keepers:
                    keeper.cancel()

    async def drain(self) -> None:
        """Take no more work, and wait `drain_seconds` for what runs; the rest is left for the next start."""
        self._stopping = True
        self._wakened.set()
        running = list(self._running.values())
        if running:
            _, unfinished = await asyncio.wait(running, timeout=self._settings.drain_seconds)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)

    async def _dispatch(self, group: asyncio.TaskGroup) -> None:
        while not self._stopping:
            self._wakened.clear()
            while self._ready and len(self._running) < self._settings.concurrency and not self._stopping:
                conversation, priority = self._ready.take()
                task = group.create_task(self._turn(conversation, priority))
                self._running[conversation] = task
                task.add_done_callback(partial(self._turn_over, conversation))
            await self._wakened.wait()

    def _turn_over(self, conversation: int, _: asyncio.Task[None]) -> None:
        del self._running[conversation]
        if (priority := self._again.pop(conversation, None)) is not None:
            self._ready.add(conversation, priority)
        self._wakened.set()

    async def _turn(self, conversation: int, priority: Priority) -> None:
        """Work on the conversation's oldest event: one, so that an edit still counts for the next."""
        try:
            if conversation in self._suspects:
                async with self._one_suspect:
                    await self._take(conversation, priority)
            else:
                await self._take(conversation, priority)
        except StorageError as error:
            log.warning("conversation %d waits for the database: %s", conversation, error)
            await asyncio.sleep(RETRY_SECONDS)
            self.wake(conversation, priority)

    async def _take(self, conversation: int, priority: Priority) -> None:
        claims = await self._store.inbox.claim(
            self.owner, conversation, limit=1, lease_seconds=self._settings.lease_seconds
        )
        faults.reach("after_claim")
        if not claims:
            self._suspects.discard(conversation)
            return
        self.wake(conversation, priority)
        if claims[0].attempts == 1:
            self._suspects.discard(conversation)
        await self._one(claims[0])

    async def _one(self, claimed: Claimed) -> None:
        finish = await self._walked(claimed)
        faults.reach("after_skill")
        try:
            parts = await self._finished(finish)
        except Fenced:
            log.info("event %s: its result came too late or it was deleted", claimed.key)
            return
        faults.reach("after_finish")
        if parts:
            self._deliver(parts)

    async def _walked(self, claimed: Claimed) -> Finish:
        walk = asyncio.ensure_future(self._walk(claimed))
        self._walking[claimed.key] = walk
        try:
            return await asyncio.shield(walk)
        except asyncio.CancelledError:
            if walk.cancelled():  # its message was deleted, not this lane stopped
                return Finish(claimed.inbox_id, claimed.fence, InboxState.ERASED, "deleted while in work")
            walk.cancel()
            with suppress(asyncio.CancelledError):
                await walk
            await self._store.inbox.give_back(claimed.inbox_id, claimed.fence)
            raise
        finally:
            del self._walking[claimed.key]

    async def _finished(self, finish: Finish) -> list[Part]:
        while True:
            try:
                return await self._store.inbox.finish(finish)
            except Fenced:
                raise
            except StorageError as error:
                log.warning("a result waits for the database: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._settings.lease_seconds / 3)
            try:
                await self._store.inbox.renew(self.owner, self._settings.lease_seconds)
            except StorageError as error:
                log.warning("leases were not renewed: %s", error)

    async def _sweep(self) -> None:
        """Find what nobody woke this process for: left by the dead, beyond the queue's bound, from others."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self._store.inbox.recover(self.owner, self._platforms, ())
                await self._look()
            except StorageError as error:
                log.warning("the inbox was not swept: %s", error)

    async def _look(self) -> None:
        for waiting in await self._store.inbox.waiting(self._platforms, limit=READY_LIMIT):
            if waiting.attempts:
                self._suspects.add(waiting.conversation_id)
            if waiting.conversation_id not in self._running:
                self.wake(waiting.conversation_id, Priority(waiting.priority))

    async def _dead_owners(self) -> list[str]:
        return [owner for owner in await self._store.inbox.owners() if is_dead(owner)]
