"""A running bot that tests talk to."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from bot.app import Bot
from bot.assembly import open_database, open_library
from bot.loader import load_plugins
from bot.message import Author, Channel, EventKind, Message, Reply, now
from bot.settings import Settings
from bot.testing.fakes import FakeModels, RecordingConnector
from storage import InboxState

WAIT_SECONDS = 20.0
PAGE = 500
WATCHERS = ("observer:", "job:")
UNFINISHED = (InboxState.PENDING, InboxState.CLAIMED)


class Harness:
    """Say something, get what the bot answers. `bot`, `models` and `connector` are open to tests."""

    def __init__(self, bot: Bot, models: FakeModels, connector: RecordingConnector) -> None:
        self.bot = bot
        self.models = models
        self.connector = connector
        self._heard: set[str] = set()

    async def say(self, text: str, *, author: str = "ann", channel: str = "room") -> str:
        """The text of the bot's answer to a direct message; empty when there is none."""
        return "\n".join(reply.text for reply in await self.ask(text, author=author, channel=channel))

    async def ask(self, text: str, *, author: str = "ann", channel: str = "room") -> list[Reply]:
        """The parts of the bot's answer to a direct message."""
        return await self.hand_in(self.message(text, author=author, channel=channel))

    def message(
        self,
        text: str,
        *,
        author: str = "ann",
        channel: str = "room",
        thread: str | None = None,
        direct: bool = True,
        mention: bool = False,
        key: str | None = None,
    ) -> Message:
        """A message as a connector would make it."""
        return Message(
            key=key or f"test:{uuid.uuid4().hex}",
            channel=Channel("test", channel, thread, is_direct=direct),
            author=Author(author, author.title()),
            text=text,
            sent_at=now(),
            mentions_bot=mention,
        )

    def edit(self, message: Message, text: str) -> Message:
        """The event of `message` being edited."""
        return self._change(message, EventKind.EDITED, text)

    def delete(self, message: Message) -> Message:
        """The event of `message` being deleted."""
        return self._change(message, EventKind.DELETED, "")

    async def hand_in(self, message: Message) -> list[Reply]:
        """Deliver an event, wait until it is finished, and return the parts sent for it."""
        await self.bot.accept(message)
        await self.finished(message.key)
        return [sent.reply for sent in self.connector.sent.values() if sent.message.key == message.key]

    async def finished(self, key: str) -> InboxState:
        """Wait until the event `key` is finished and its replies are delivered; its terminal state."""
        async with asyncio.timeout(WAIT_SECONDS):
            while (state := await self._state(key)) in UNFINISHED or self.bot.delivery.busy:
                await asyncio.sleep(0.005)
        if state is None:
            raise LookupError(f"no event {key!r} was accepted")
        return state

    async def watched(self) -> list[Reply]:
        """What observers and jobs have said since the last call, in order, once all events are observed."""
        async with asyncio.timeout(WAIT_SECONDS):
            while await self.bot.watching.behind() or await self._undelivered():
                await asyncio.sleep(0.005)
        said = {key: sent.reply for key, sent in self.connector.sent.items() if key.startswith(WATCHERS)}
        fresh = [reply for key, reply in said.items() if key not in self._heard]
        self._heard |= said.keys()
        return fresh

    async def run_job(self, name: str, moment: datetime | None = None) -> list[Reply]:
        """Call a job, with `moment` as its present; what it and the observers said. Raises what it raises."""
        async with asyncio.timeout(WAIT_SECONDS):
            await self.bot.watching.call(name, moment or now())
        return await self.watched()

    async def _undelivered(self) -> bool:
        waiting = await self.bot.store.outbox.pending(tuple(self.bot.connectors), 1)
        return bool(waiting) or self.bot.delivery.busy

    async def _state(self, key: str) -> InboxState | None:
        """Where an event stands; unfinished still while its replies wait to be handed to delivery."""
        state = await self.bot.store.inbox.state(key)
        waiting = await self.bot.store.outbox.pending(tuple(self.bot.connectors), PAGE)
        return InboxState.CLAIMED if any(part.key.startswith(f"{key}|") for part in waiting) else state

    def _change(self, message: Message, kind: EventKind, text: str) -> Message:
        return Message(
            key=f"{message.key}:{kind}:{uuid.uuid4().hex[:8]}",
            channel=message.channel,
            author=message.author,
            text=text,
            sent_at=now(),
            kind=kind,
            target=message.key,
        )


@asynccontextmanager
async def open_harness(
    settings: Settings, connector: RecordingConnector | None = None
) -> AsyncIterator[Harness]:
    """A bot running with these settings, fake models and a recording connector."""
    models, connector = FakeModels(), connector or RecordingConnector()
    async with open_database(settings) as store, open_library(settings, store, models) as library:
        bot = Bot(settings, store, models, library, load_plugins(settings), [connector])
        await bot.watching.begin()
        running = asyncio.create_task(bot.run())
        try:
            yield Harness(bot, models, connector)
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
