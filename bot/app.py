"""The life of one message, top to bottom, and of the bot that carries it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from bot import faults
from bot.answering import Answering, Outcome
from bot.connector import Connector
from bot.conversion import event_of, heard_as, parts_of
from bot.delivery import Delivery
from bot.duty import Duty
from bot.errors import ModelError, TooLarge
from bot.knowledge.library import Library
from bot.lanes import Lanes
from bot.loader import Plugins
from bot.message import (
    Channel,
    EventKind,
    Message,
    Reply,
    clean_message,
    now,
    unpack_message,
    words_of,
)
from bot.models import Models
from bot.offers import Offers
from bot.router import Decision, Reason
from bot.settings import Settings
from bot.skills import Skill
from bot.steps import Steps
from bot.watching import Watching
from storage import (
    Accepted,
    Claimed,
    Feedback,
    Finish,
    InboxState,
    NewAttachment,
    Role,
    StorageError,
    Store,
)

log = logging.getLogger(__name__)

OK = "ok"
PROBE_SECONDS = 2.0
GLANCE_SECONDS = 0.05
THUMBED = (EventKind.REACTED, EventKind.UNREACTED)
THUMBS = {"👍": 1, "👎": -1}
RECONCILE_SECONDS = 60.0
LATE_SECONDS = 120.0
SHOWN = 10


class Bot:
    """One bot: everything between its connectors and its storage."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        models: Models,
        library: Library,
        plugins: Plugins,
        connectors: Sequence[Connector] = (),
    ) -> None:
        self.settings = settings
        self.store = store
        self.models = models
        self.library = library
        self.plugins = plugins
        self.connectors = {each.platform: each for each in (*connectors, *plugins.connectors)}
        self.delivery = Delivery(store, self.connectors)
        self.lanes = Lanes(store, settings.lanes, self.connectors, self._walk, self.delivery.deliver)
        steps = Steps(store, models, plugins, self.connectors, self.delivery.deliver, self.lanes.owner)
        self.watching = Watching(settings, store, plugins, steps, self.lanes.owner)
        self.duty = Duty(store, self.delivery, self.connectors.values(), self.lanes.owner)
        self.answering = Answering(settings, store, models, library, plugins, self.connectors)
        self.offers = Offers(store, self.answering)
        self._observing: set[asyncio.Task[None]] = set()

    def skills_in(self, conversation: str) -> tuple[Skill, ...]:
        """The skills switched on in a conversation, each once, by name."""
        return self.answering.skills_in(conversation)

    async def accept(self, message: Message, files: Sequence[NewAttachment] = ()) -> Accepted:
        """Make an event durable; only then may its platform be told "received".

        Delivering the same key again changes nothing. Raises TooLarge over `limits.message_kb`, and
        StorageError when it could not be written: then it must not be acknowledged.
        """
        message = clean_message(message)
        if message.kind in THUMBED and message.target is not None:
            message = await self._below(message, message.target)
        limit = self.settings.limits.message_kb * 1024
        if sum(len(each.encode()) for each in words_of(message)) > limit:
            raise TooLarge(f"The message is longer than {limit // 1024} KiB. Send it in parts or as a file.")
        faults.reach("before_accept")
        accepted = await self.store.inbox.accept(event_of(message, files))
        faults.reach("after_accept")
        if accepted.duplicate:
            return accepted
        self.watching.wake()
        if message.kind is EventKind.DELETED and message.target is not None:
            self.lanes.cancel(message.target)
        if accepted.state is InboxState.PENDING:
            self.lanes.wake(accepted.conversation_id, message.priority)
        return accepted

    async def _below(self, reaction: Message, target: str) -> Message:
        """A reaction with its message's own key, and in the thread that its message stands in."""
        key = await self.store.outbox.key_of(reaction.channel.platform, target) or target
        found = await self.store.history.message(key)
        channel = reaction.channel
        stands = Channel.named(found.conversation) if found is not None else channel
        if stands.id == channel.id:
            channel = replace(channel, thread=stands.thread)
        return replace(reaction, target=key, channel=channel)

    async def readiness(self) -> tuple[dict[str, str], bool]:
        """Each part's state in words any stranger may read, and whether messages can be stored now.

        A bot whose models are not there yet is ready: it works by words alone until they come.
        """
        database = await self._database_state()
        parts = {"database": database, "models": await self._models_state()}
        return parts | self.duty.states(), database == OK

    async def _database_state(self) -> str:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self.store.inbox.renew(self.lanes.owner, self.settings.lanes.lease_seconds)
        except TimeoutError:
            return f"took no write in {PROBE_SECONDS:.0f} seconds"
        except StorageError as error:
            log.warning("not ready: %s", error)
            return "cannot be written; the log says why"
        return OK

    async def _models_state(self) -> str:
        try:
            async with asyncio.timeout(GLANCE_SECONDS):
                await self.models.ready()
        except TimeoutError:
            return "starting"
        except ModelError as error:
            log.warning("models: %s", error)
            return "not available; the log says why"
        return OK if self.models.roles() else "switched off"

    async def run(self) -> None:
        """Take messages in and send replies out until cancelled; then finish what runs and stop."""
        await self.plugins.notify("startup")
        try:
            await self._carry()
        finally:
            await self.plugins.notify("shutdown")

    async def _carry(self) -> None:
        delivery = asyncio.create_task(self.delivery.run())
        lanes = asyncio.create_task(self.lanes.run())
        duty = asyncio.create_task(self.duty.run(self))
        refresh = asyncio.create_task(self._refresh())
        reconcile = asyncio.create_task(self._reconcile())
        watching = asyncio.create_task(self.watching.run())
        parts = [delivery, lanes, duty, refresh, reconcile, watching]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                _raise_first(task)
        finally:
            refresh.cancel()
            watching.cancel()
            await self.lanes.drain()
            await self.delivery.drain(self.settings.lanes.drain_seconds)
            for task in parts:
                task.cancel()
            await asyncio.gather(*parts, *self._observing, return_exceptions=True)

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(self.settings.knowledge.refresh_seconds)
            try:
                await self.library.refresh()
            except Exception:  # the wall: a document must not stop the bot
                log.exception("documents were not refreshed")

    async def _reconcile(self) -> None:
        """Say every minute what should be finished and is not, and why."""
        while True:
            await asyncio.sleep(RECONCILE_SECONDS)
            with suppress(StorageError):
                late = await self.store.inbox.unfinished(LATE_SECONDS)
                for row in late[:SHOWN]:
                    log.warning(
                        "%s %s is %s for %.0f s: %s", row.table, row.key, row.state, row.age_seconds, row.why
                    )
                if len(late) > SHOWN:
                    log.warning("%d more are late; 'parley db check' names them", len(late) - SHOWN)

    async def _walk(self, claimed: Claimed) -> Finish:
        """From a claimed event to what one transaction will write."""
        message = unpack_message(claimed.packed, claimed.text)
        if claimed.attempts > self.settings.lanes.deaths:
            outcome = self._put_aside(claimed)
        elif now() - claimed.received_at > timedelta(seconds=self.settings.lanes.expire_seconds):
            outcome = Outcome(InboxState.EXPIRED, Decision(Reason.NOTHING_FITS), reason="waited too long")
        else:
            self._observe(message)
            if message.kind in THUMBED:
                await self._rate(message)
            outcome = await self.answering.answer(message, begun_with=claimed.skill)
            if outcome.heard:
                await self.accept(heard_as(message, outcome.heard))
        return self._finish(message, claimed, outcome)

    async def _rate(self, message: Message) -> None:
        """A thumb under a message of the bot is feedback; taken away, it is taken back."""
        thumb = THUMBS.get(message.text.strip("\ufe0f"))
        rated = await self.store.history.message(message.target or "")
        if thumb is None or rated is None or rated.role is not Role.BOT:
            return
        value = thumb if message.kind is EventKind.REACTED else 0
        await self.store.feedback.put(Feedback(rated.key, message.author.id, value))

    def _put_aside(self, claimed: Claimed) -> Outcome:
        deaths = claimed.attempts - 1
        log.error("event %s is put aside: the process died %d times at it", claimed.key, deaths)
        reply = Reply(
            "I could not work on this message: it stopped me several times. The operator has been told."
        )
        reason = f"the process died {deaths} times"
        return Outcome(InboxState.DEAD_LETTER, Decision(Reason.NOTHING_FITS), (reply,), reason)

    def _finish(self, message: Message, claimed: Claimed, outcome: Outcome) -> Finish:
        parts = parts_of(outcome.replies, message, self.connectors)
        told_all = any(not (each.to_asker or each.to) for each in outcome.replies)
        in_thread = message.channel.thread is not None and outcome.state is InboxState.ANSWERED and told_all
        return Finish(
            claimed.inbox_id,
            claimed.fence,
            outcome.state,
            outcome.reason,
            outcome.decision.pack(),
            (outcome.decision.skill or None) if in_thread and claimed.skill is None else None,
            parts,
        )

    def _observe(self, message: Message) -> None:
        if self.plugins.observes("event_received"):
            task = asyncio.create_task(self.plugins.notify("event_received", message=message))
            self._observing.add(task)
            task.add_done_callback(self._observing.discard)


def _raise_first(task: asyncio.Task[None]) -> None:
    """The task's failure; of a group of failures, the first, which people can read."""
    try:
        task.result()
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from group
