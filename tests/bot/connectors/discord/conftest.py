"""A bot on the fake Discord, with the real client library between them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.app import Bot
from bot.assembly import open_database, open_library
from bot.connector import Connector
from bot.connectors.discord import DiscordConnector
from bot.loader import load_plugins
from bot.message import Message
from bot.settings import DiscordSettings, PluginsSettings, Settings
from bot.testing import FakeModels
from bot.testing.discord import FakeDiscord, Shown
from bot.testing.platform import platform_settings
from storage import InboxState

SKILLS = Path(__file__).with_name("discord_skills.py")
WAIT_SECONDS = 20.0
UNFINISHED = (InboxState.PENDING, InboxState.CLAIMED)


def discord_settings(data_dir: Path, discord: FakeDiscord, **more: Any) -> Settings:
    """Settings of a bot with the test skills on a fake Discord."""
    settings = platform_settings(data_dir)
    section = DiscordSettings(token=SecretStr(discord.token), **more)
    plugins = PluginsSettings(paths=(*settings.plugins.paths, SKILLS))
    return settings.model_copy(update={"discord": section, "plugins": plugins})


@asynccontextmanager
async def open_bot(
    settings: Settings, discord: FakeDiscord, *others: Connector, connected: bool = True, **options: Any
) -> AsyncIterator[Bot]:
    """A running bot, once it is connected."""
    connector = DiscordConnector(settings, connector=discord.connector, **options)
    models = FakeModels()
    async with open_database(settings) as store, open_library(settings, store, models) as library:
        bot = Bot(settings, store, models, library, load_plugins(settings), [connector, *others])
        running = asyncio.create_task(bot.run())
        try:
            if connected:
                await until(lambda: connector.status() == "ok")
            yield bot
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


def observed() -> list[Message]:
    """Every message the bot's observers saw since it started."""
    found: list[Message] = sys.modules["local_plugins.discord_skills"].seen
    return found


async def until(condition: Callable[[], object], seconds: float = WAIT_SECONDS) -> None:
    """Wait for something to be so."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def answers(discord: FakeDiscord, channel: int, count: int = 1) -> list[Shown]:
    """What the bot says in a channel or a thread, once it says so much there."""
    await until(lambda: channel in discord.world.state.channels)
    return await discord.answers(channel, count, within=WAIT_SECONDS)


async def accepted(bot: Bot, key: str) -> None:
    """Wait until the bot has an event."""
    async with asyncio.timeout(WAIT_SECONDS):
        while await bot.store.inbox.state(key) is None:
            await asyncio.sleep(0.005)


async def finished(bot: Bot, key: str) -> InboxState:
    """Wait until the bot is done with an event and its replies are out."""
    await accepted(bot, key)
    async with asyncio.timeout(WAIT_SECONDS):
        while (state := await bot.store.inbox.state(key)) in UNFINISHED or bot.delivery.busy:
            await asyncio.sleep(0.005)
    assert state is not None
    return state


@pytest.fixture
async def discord() -> AsyncIterator[FakeDiscord]:
    """A fake Discord; whatever is said to it must fit Discord's own document."""
    async with FakeDiscord().serving() as serving:
        yield serving
        assert serving.violations == []


@pytest.fixture
def settings(tmp_path: Path, discord: FakeDiscord) -> Settings:
    """Settings of a bot on it."""
    return discord_settings(tmp_path, discord)


@pytest.fixture
async def bot(settings: Settings, discord: FakeDiscord) -> AsyncIterator[Bot]:
    """A bot that is connected."""
    async with open_bot(settings, discord) as running:
        yield running
