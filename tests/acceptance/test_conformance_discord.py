"""The conformance cases on Discord, in direct messages and by mentions in channels."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot import Author, Channel, Message
from bot.app import Bot
from bot.message import now, unpack_reply
from bot.testing.conformance import Conformance, placed
from bot.testing.discord import FakeDiscord, Shown
from tests.bot.connectors.discord.conftest import accepted, discord_settings, finished, open_bot

LONGEST = 4000


class DiscordDriver:
    can_edit = True
    can_delete = True
    can_press = True

    def __init__(self, bot: Bot, discord: FakeDiscord, *, direct: bool) -> None:
        self.bot = bot
        self.can_thread = not direct
        self._discord = discord
        self._direct = direct
        self._rooms: dict[str, int] = {}

    async def post(
        self, text: str, *, room: str = "one", key: str | None = None, thread: str | None = None
    ) -> str:
        if len(text) > LONGEST:
            await self._refuse(text)
        where = self._room(room) if thread is None else self._thread(room, thread)
        # A client cannot send half a surrogate pair.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        again = int(key.rpartition(":")[2]) if key else None
        number = self._discord.say(where, text, mention_bot=not self._direct, message_id=again)
        key = f"discord:{number}"
        await accepted(self.bot, key)
        return key

    async def press(self, key: str, label: str) -> str:
        answer = next(each for each in await self._answers(key) if each.components)
        packed = await self.bot.store.outbox.packed(f"{key}|offer|1")
        place, choice = placed(unpack_reply(packed).controls, label)
        custom_id = f"{place}:{key}|offer|1"
        if "options" in _component(answer.components, custom_id):
            interaction = self._discord.choose(answer.id, custom_id, [str(choice)])
        else:
            interaction = self._discord.press(answer.id, custom_id)
        await accepted(self.bot, f"discord:{interaction.id}")
        return f"discord:{interaction.id}"

    async def edit(self, key: str, text: str) -> None:
        number = int(key.rpartition(":")[2])
        self._discord.edit(number, text if self._direct else f"<@{self._discord.bot_id}> {text}")
        async with asyncio.timeout(10):
            while (found := await self.bot.store.history.message(key)) is None or found.text != text:
                await asyncio.sleep(0.005)

    async def delete(self, key: str) -> None:
        self._discord.delete(int(key.rpartition(":")[2]))
        await accepted(self.bot, f"{key}:delete")

    async def answers(self, key: str) -> list[str]:
        return [each.content for each in await self._answers(key)]

    async def _answers(self, key: str) -> list[Shown]:
        await finished(self.bot, key)
        found = []
        for channel in list(self._discord.world.state.channels):
            for each in self._discord.shown(channel):
                part = await self.bot.store.outbox.key_of("discord", f"discord:{each.id}")
                if part is not None and part.startswith(f"{key}|"):
                    found.append(each)
        return found

    async def shown(self, room: str = "one") -> list[str]:
        return [each.content for each in self._discord.shown(self._room(room))]

    async def _refuse(self, text: str) -> None:
        """Discord itself takes at most 4,000 characters: what lies behind it refuses more."""
        channel = Channel("discord", "1", is_direct=True)
        await self.bot.accept(Message("discord:1", channel, Author("1"), text, now()))

    def _room(self, room: str) -> int:
        if room not in self._rooms:
            self._rooms[room] = self._discord.dm(room) if self._direct else self._discord.add_channel(room)
        return self._rooms[room]

    def _thread(self, room: str, thread: str) -> int:
        if thread not in self._rooms:
            self._rooms[thread] = self._discord.add_thread(self._room(room), thread)
        return self._rooms[thread]


def _component(components: Sequence[dict[str, Any]], custom_id: str) -> dict[str, Any]:
    inside = (each for row in components for each in row["components"])
    return next(each for each in inside if each["custom_id"] == custom_id)


@pytest.fixture(params=["direct", "channel"])
async def driver(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DiscordDriver]:
    async with FakeDiscord().serving() as discord:
        settings = discord_settings(tmp_path, discord, answer_in="channel")
        async with open_bot(settings, discord) as bot:
            yield DiscordDriver(bot, discord, direct=request.param == "direct")
        assert discord.violations == []


class TestConformance(Conformance):
    """Every case."""
