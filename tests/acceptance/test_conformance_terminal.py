"""The conformance cases in the terminal."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from bot import Message
from bot.app import Bot
from bot.assembly import open_database, open_library
from bot.connectors.terminal import TerminalConnector
from bot.loader import load_plugins
from bot.testing import FakeModels
from bot.testing.conformance import Conformance
from bot.testing.platform import platform_settings
from storage import Role


class TerminalDriver:
    can_edit = False
    can_delete = True
    can_thread = False
    can_press = True

    def __init__(self, bot: Bot, terminal: TerminalConnector) -> None:
        self.bot = bot
        self._rooms = {"one": terminal}
        self._posted: dict[str, tuple[TerminalConnector, Message]] = {}

    async def post(
        self, text: str, *, room: str = "one", key: str | None = None, thread: str | None = None
    ) -> str:
        terminal = self._rooms.setdefault(room, TerminalConnector(room))
        message = await terminal.hand_in(self.bot, text, key=key or "")
        self._posted[message.key] = terminal, message
        return message.key

    async def press(self, key: str, label: str) -> str:
        terminal, message = self._posted[key]
        reply = await terminal.answer(self.bot, message)
        (offer,) = [each for each in terminal.offers(self.bot, reply) if each.label == label]
        return await self.post(offer.command)

    async def edit(self, key: str, text: str) -> None:
        raise NotImplementedError

    async def delete(self, key: str) -> None:
        terminal, message = self._posted[key]
        await terminal.take_back(self.bot, message)

    async def answers(self, key: str) -> list[str]:
        terminal, message = self._posted[key]
        text = (await terminal.answer(self.bot, message)).text
        return [text] if text else []

    async def shown(self, room: str = "one") -> list[str]:
        said = await self.bot.store.history.recent(self._rooms[room].channel.conversation)
        return [each.text for each in said if each.role is Role.BOT]


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[TerminalDriver]:
    settings, models, terminal = platform_settings(tmp_path), FakeModels(), TerminalConnector("one")
    async with open_database(settings) as store, open_library(settings, store, models) as library:
        bot = Bot(settings, store, models, library, load_plugins(settings), [terminal])
        running = asyncio.create_task(bot.run())
        yield TerminalDriver(bot, terminal)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


class TestConformance(Conformance):
    """Every case the terminal has."""
