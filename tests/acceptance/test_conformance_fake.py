"""The conformance cases on the fake platform of the test kit, on SQLite and PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot import Message
from bot.controls import command_of
from bot.message import unpack_reply
from bot.settings import StorageSettings
from bot.testing import Harness, open_harness
from bot.testing.conformance import Conformance, placed
from bot.testing.platform import platform_settings


class FakeDriver:
    can_edit = True
    can_delete = True
    can_thread = True
    can_press = True

    def __init__(self, harness: Harness) -> None:
        self.bot = harness.bot
        self._harness = harness
        self._posted: dict[str, Message] = {}

    async def post(
        self, text: str, *, room: str = "one", key: str | None = None, thread: str | None = None
    ) -> str:
        message = self._harness.message(text, channel=room, thread=thread, key=key)
        await self.bot.accept(message)
        self._posted[message.key] = message
        return message.key

    async def press(self, key: str, label: str) -> str:
        (asking,) = [part for part, sent in self._harness.connector.sent.items() if sent.message.key == key]
        packed = await self.bot.store.outbox.packed(asking)
        controls = unpack_reply(packed).controls
        return await self.post(command_of(controls, *placed(controls, label)))

    async def edit(self, key: str, text: str) -> None:
        await self.bot.accept(self._harness.edit(self._posted[key], text))

    async def delete(self, key: str) -> None:
        await self.bot.accept(self._harness.delete(self._posted[key]))

    async def answers(self, key: str) -> list[str]:
        await self._harness.finished(key)
        return [sent.reply.text for sent in self._harness.connector.sent.values() if sent.message.key == key]

    async def shown(self, room: str = "one") -> list[str]:
        sent = self._harness.connector.sent.values()
        return [each.reply.text for each in sent if each.message.channel.id == room]


@pytest.fixture
async def driver(tmp_path: Path, database_url: str) -> AsyncIterator[FakeDriver]:
    settings = platform_settings(tmp_path).model_copy(update={"storage": StorageSettings(url=database_url)})
    async with open_harness(settings) as harness:
        yield FakeDriver(harness)


class TestConformance(Conformance):
    """Every case."""
