"""The terminal: one person, one conversation, one line at a time."""

from __future__ import annotations

import asyncio
import getpass
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from bot.app import Bot
from bot.connector import Connector, Outgoing
from bot.errors import BadInput
from bot.message import Author, Channel, EventKind, Message, Reply, now, unpack_reply
from storage import InboxState, Role

LOOK_SECONDS = 1.0  # another process may have answered: look into the database this often
HISTORY = 100  # messages among which the replies to a line are found
FINISHED = frozenset(InboxState) - {InboxState.PENDING, InboxState.CLAIMED}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One line's answer: the replies joined, and how long it took in seconds."""

    reply: Reply
    seconds: float
    failed: bool = False


class TerminalConnector(Connector):
    """Carries lines in by `ask`. A reply is in the history before it is sent, so sending only wakes."""

    platform = "terminal"
    delivers_once = True

    def __init__(
        self, conversation: str | None = None, show_draft: Callable[[str], None] | None = None
    ) -> None:
        person = getpass.getuser()
        self.channel = Channel(self.platform, conversation or uuid.uuid4().hex[:12], is_direct=True)
        self._author = Author(person, person)
        self._show_draft = show_draft
        self._woken = asyncio.Event()

    async def run(self, bot: Bot) -> None:
        """Nothing comes in by itself: `ask` carries the lines."""
        await asyncio.Event().wait()

    async def send(self, outgoing: Outgoing) -> str:
        """Wake whoever waits for the answer."""
        self._woken.set()
        return outgoing.key

    async def show_draft(self, message: Message, text: str, key: str) -> None:
        """Show what is written so far, where there is somewhere to show it."""
        if self._show_draft:
            self._show_draft(text)

    async def ask(self, bot: Bot, text: str) -> Exchange:
        """Hand one line in and wait for its answer. Bad input is an answer too; cancelling takes it back."""
        began = time.monotonic()
        try:
            message = await self.hand_in(bot, text)
        except BadInput as error:
            return Exchange(Reply(str(error)), time.monotonic() - began, failed=True)
        try:
            reply = await self.answer(bot, message)
        except asyncio.CancelledError:
            await asyncio.shield(self.take_back(bot, message))
            raise
        return Exchange(reply, time.monotonic() - began)

    async def hand_in(self, bot: Bot, text: str, *, key: str = "") -> Message:
        """Make a line durable. Handing in the same key again changes nothing."""
        message = self._message(text, key=key)
        await bot.accept(message)
        return message

    async def answer(self, bot: Bot, message: Message) -> Reply:
        """Wait until the bot is done with a message; its replies joined, empty when there is none."""
        while not await self._finished(bot, message):
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._woken.wait()
        said = await bot.store.history.recent(message.channel.conversation, limit=HISTORY)
        replies = [
            unpack_reply(each.packed)
            for each in said
            if each.role is Role.BOT and each.reply_to == message.key
        ]
        return _joined(replies)

    async def take_back(self, bot: Bot, message: Message) -> None:
        """Delete a message: its work is cancelled and its text erased."""
        await bot.accept(self._message("", EventKind.DELETED, target=message.key))

    async def _finished(self, bot: Bot, message: Message) -> bool:
        self._woken.clear()
        return await bot.store.inbox.state(message.key) in FINISHED

    def _message(
        self, text: str, kind: EventKind = EventKind.CREATED, *, key: str = "", target: str | None = None
    ) -> Message:
        key = key or f"terminal:{uuid.uuid4().hex}"
        return Message(key, self.channel, self._author, text, now(), kind, target=target)


def _joined(replies: list[Reply]) -> Reply:
    if not replies:
        return Reply("")
    citations = tuple(citation for reply in replies for citation in reply.citations)
    return Reply("\n".join(reply.text for reply in replies), citations, skill=replies[0].skill)
