"""Many queued replies on few channels: the platforms' limits are never passed, and order is kept.

The long form is `QUEUED=10000`; it takes ten minutes a platform, for both take one message a second
in a channel.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.app import Bot
from bot.assembly import open_database, open_library
from bot.connector import Connector
from bot.connectors.discord import DiscordConnector
from bot.connectors.slack import SlackConnector
from bot.loader import load_plugins
from bot.settings import DiscordSettings, Settings, SlackSettings
from bot.testing import FakeModels
from bot.testing.discord import FakeDiscord
from bot.testing.platform import platform_settings
from bot.testing.slack import FakeSlack

QUEUED = int(os.environ.get("QUEUED", "200"))
CHANNELS = 20
WAIT_SECONDS = 60 + 2 * QUEUED / CHANNELS


async def run_until(settings: Settings, connector: Connector, done: asyncio.Event) -> None:
    """A bot on one platform, until all has been said."""
    models = FakeModels()
    async with open_database(settings) as store, open_library(settings, store, models) as library:
        bot = Bot(settings, store, models, library, load_plugins(settings), [connector])
        running = asyncio.create_task(bot.run())
        try:
            await done.wait()
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


def expected(channel: int) -> list[str]:
    return [f"number {number}" for number in range(channel, QUEUED, CHANNELS)]


@pytest.mark.timeout(WAIT_SECONDS + 60)
async def test_discord_takes_every_queued_reply_without_a_refusal(tmp_path: Path) -> None:
    async with FakeDiscord(strict=True, check=False).serving() as fake:
        settings = platform_settings(tmp_path).model_copy(
            update={"discord": DiscordSettings(token=SecretStr(fake.token))}
        )
        done = asyncio.Event()
        bot = asyncio.create_task(
            run_until(settings, DiscordConnector(settings, connector=fake.connector), done)
        )
        await fake.until(lambda: fake.online, within=30)
        channels = [fake.dm(f"person {number}") for number in range(CHANNELS)]
        for number in range(QUEUED):
            person = number % CHANNELS
            fake.say(channels[person], f"echo number {number}", author=f"person {person}")
            await asyncio.sleep(0.002)
        await fake.until(
            lambda: sum(len(fake.shown(each)) for each in channels) >= QUEUED, within=WAIT_SECONDS
        )
        done.set()
        await bot
        for place, channel in enumerate(channels):
            assert [each.content for each in fake.shown(channel)] == expected(place)
        assert not fake.limited


@pytest.mark.timeout(WAIT_SECONDS + 60)
async def test_slack_takes_every_queued_reply_without_a_refusal(tmp_path: Path) -> None:
    async with FakeSlack(strict=True, redeliver_seconds=60).serving() as fake:
        settings = platform_settings(tmp_path).model_copy(
            update={
                "slack": SlackSettings(
                    bot_token=SecretStr(fake.bot_token),
                    app_token=SecretStr(fake.app_token),
                    api_url=fake.api_url,
                )
            }
        )
        done = asyncio.Event()
        bot = asyncio.create_task(run_until(settings, SlackConnector(settings), done))
        async with asyncio.timeout(30):
            while not fake.sockets:
                await asyncio.sleep(0.02)
        channels = [fake.dm(f"person {number}") for number in range(CHANNELS)]
        roots: dict[int, str] = {}
        for number in range(QUEUED):
            person = number % CHANNELS
            ts = fake.say(
                channels[person],
                f"echo number {number}",
                author=f"person {person}",
                thread=roots.get(person),
            )
            roots.setdefault(person, ts)
            await asyncio.sleep(0.002)
        async with asyncio.timeout(WAIT_SECONDS):
            while sum(len(fake.shown(channels[each], roots[each])) for each in roots) < QUEUED:
                await asyncio.sleep(0.2)
        done.set()
        await bot
        for place, channel in enumerate(channels):
            assert [each.text for each in fake.shown(channel, roots[place])] == expected(place)
        assert not fake.limited
