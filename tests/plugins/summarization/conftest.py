"""A channel in which people talk while the bot listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot import Call, Message, Outgoing, Reply
from bot.message import now
from bot.settings import LimitSettings, Settings
from bot.testing import Harness, RecordingConnector, open_harness


class Linking(RecordingConnector):
    """A platform whose messages have addresses."""

    def link(self, conversation: str, key: str) -> str:
        return f"https://chat.example/{key}"

    def key_at(self, address: str) -> str:
        site, _, key = address.rpartition("/")
        return key if site == "https://chat.example" else ""


@dataclass
class Talk:
    """People talk in a channel, ten seconds apart and in the past; then someone asks."""

    harness: Harness
    moment: datetime

    async def hear(self, *lines: str, thread: str | None = None) -> list[Message]:
        """Each line is `author: text`; nobody addresses the bot."""
        heard = []
        for line in lines:
            author, _, text = line.partition(": ")
            message = self.harness.message(text, author=author, thread=thread, direct=False)
            self.moment += timedelta(seconds=10)
            heard.append(replace(message, sent_at=self.moment))
            await self.harness.hand_in(heard[-1])
        return heard

    async def ask(self, text: str, *, author: str = "zoe", thread: str | None = None) -> str:
        """What the bot says to someone who mentions it here."""
        message = self.harness.message(text, author=author, thread=thread, direct=False, mention=True)
        return await self._answer(message)

    async def alone(self, text: str, *, author: str = "ann") -> Reply:
        """What the bot replies to someone who talks to it alone."""
        return await self._reply(self.harness.message(text, author=author))

    async def call_upon(self, message: Message, *, author: str = "zoe") -> str:
        """What the bot says when it is called from the menu of a message."""
        asking = self.harness.message("", author=author, direct=False)
        return await self._answer(replace(asking, call=Call("summarize"), reply_to=message.key))

    async def _answer(self, message: Message) -> str:
        return (await self._reply(message)).text

    async def _reply(self, message: Message) -> Reply:
        """The one reply to a message, when it is there."""
        await self.harness.hand_in(message)
        async with asyncio.timeout(10):
            while not (sent := [each for each in self.sent if each.message.key == message.key]):
                await asyncio.sleep(0.005)
        (outgoing,) = sent
        assert outgoing.reply.to_asker or outgoing.reply.skill != "summarize"
        return outgoing.reply

    @property
    def sent(self) -> Sequence[Outgoing]:
        return list(self.harness.connector.sent.values())


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    limits = LimitSettings(person_per_minute=0, channel_per_minute=0)
    async with open_harness(Settings(data_dir=tmp_path, limits=limits), Linking()) as running:
        yield running


@pytest.fixture
def talk(harness: Harness) -> Talk:
    return Talk(harness, now() - timedelta(hours=1))
