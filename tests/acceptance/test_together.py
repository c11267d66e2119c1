"""Discord, Slack and the chat page in one process: a thread is one conversation and keeps its skill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr

from bot.app import Bot
from bot.assembly import open_database, open_library
from bot.connectors.discord import DiscordConnector
from bot.connectors.slack import SlackConnector
from bot.connectors.web import WebConnector
from bot.errors import ParleyError
from bot.loader import load_plugins
from bot.settings import DiscordSettings, SlackSettings, WebSettings
from bot.testing import FakeModels
from bot.testing.discord import FakeDiscord
from bot.testing.platform import platform_settings
from bot.testing.slack import FakeSlack

WAIT_SECONDS = 20.0


@dataclass
class Together:
    """A bot on both platforms, and its page."""

    bot: Bot
    discord: FakeDiscord
    slack: FakeSlack
    web: WebConnector


@pytest.fixture
async def together(tmp_path: Path) -> AsyncIterator[Together]:
    async with FakeDiscord().serving() as discord, FakeSlack().serving() as slack:
        settings = platform_settings(tmp_path).model_copy(
            update={
                "web": WebSettings(port=0),
                "discord": DiscordSettings(token=SecretStr(discord.token)),
                "slack": SlackSettings(
                    bot_token=SecretStr(slack.bot_token),
                    app_token=SecretStr(slack.app_token),
                    api_url=slack.api_url,
                ),
            }
        )
        web = WebConnector(settings)
        connectors = [web, DiscordConnector(settings, connector=discord.connector), SlackConnector(settings)]
        models = FakeModels()
        async with open_database(settings) as store, open_library(settings, store, models) as library:
            bot = Bot(settings, store, models, library, load_plugins(settings), connectors)
            running = asyncio.create_task(bot.run())
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    while set(bot.duty.states().values()) != {"ok"}:
                        await asyncio.sleep(0.02)
                yield Together(bot, discord, slack, web)
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running
        assert discord.violations == []
        assert slack.violations == []


async def until_shown(fake: FakeDiscord | FakeSlack, channel: object, thread: str | None, text: str) -> None:
    """Wait until the bot shows a text there."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            with suppress(KeyError):
                if isinstance(fake, FakeSlack):
                    texts = [each.text for each in fake.shown(str(channel), thread)]
                else:
                    texts = [each.content for each in fake.shown(int(str(channel)))]
                if text in texts:
                    return
            await asyncio.sleep(0.02)


async def test_a_thread_is_one_conversation_and_keeps_its_skill_on_both(together: Together) -> None:
    discord, slack = together.discord, together.slack
    begun = discord.say(discord.general_id, "echo begin", mention_bot=True)
    await until_shown(discord, begun, None, "begin")  # the thread has the number of its first message
    discord.say(begun, "go on without a mention")
    await until_shown(discord, begun, None, "go on without a mention")

    ts = slack.say(slack.general, "echo begin", mention_bot=True)
    await until_shown(slack, slack.general, ts, "begin")
    slack.say(slack.general, "go on without a mention", thread=ts)
    await until_shown(slack, slack.general, ts, "go on without a mention")

    history = together.bot.store.history
    on_discord = await history.recent(f"discord:{discord.general_id}/{begun}")
    on_slack = await history.recent(f"slack:{slack.team_id}.{slack.general}/{ts}")
    wanted = ["echo begin", "begin", "go on without a mention", "go on without a mention"]
    assert [each.text for each in on_discord] == wanted
    assert [each.text for each in on_slack] == wanted


async def test_people_elsewhere_are_left_alone_and_the_page_answers_beside(together: Together) -> None:
    discord, slack = together.discord, together.slack
    quiet = discord.say(discord.general_id, "nice weather")
    ts = slack.say(slack.general, "nice weather")
    async with httpx2.AsyncClient(base_url=together.web.address) as client:
        ready = (await client.get("readyz")).json()
        assert (ready["discord"], ready["slack"], ready["web"]) == ("ok", "ok", "ok")
    asked = discord.say(discord.dm("bob"), "echo hello bob")
    await until_shown(discord, discord.dm("bob"), None, "hello bob")
    said = slack.say(slack.dm("bob"), "echo hello bob")
    await until_shown(slack, slack.dm("bob"), said, "hello bob")
    inbox = together.bot.store.inbox
    for key in (f"discord:{quiet}", f"slack:{slack.team_id}:{slack.general}:{ts}"):
        assert await inbox.state(key) == "no_reply_needed"
    assert await inbox.state(f"discord:{asked}") == "answered"


async def test_a_report_crosses_from_one_platform_to_the_other(tmp_path: Path) -> None:
    """What is reported on Slack reaches the moderators on Discord."""
    async with FakeDiscord().serving() as discord, FakeSlack().serving() as slack:
        moderators = discord.add_channel("moderators")
        settings = platform_settings(tmp_path).model_copy(
            update={
                "discord": DiscordSettings(token=SecretStr(discord.token)),
                "slack": SlackSettings(
                    bot_token=SecretStr(slack.bot_token),
                    app_token=SecretStr(slack.app_token),
                    api_url=slack.api_url,
                ),
                "plugin": {"report": {"channel": f"discord:{moderators}"}},
            }
        )
        connectors = [DiscordConnector(settings, connector=discord.connector), SlackConnector(settings)]
        models = FakeModels()
        async with open_database(settings) as store, open_library(settings, store, models) as library:
            bot = Bot(settings, store, models, library, load_plugins(settings), connectors)
            running = asyncio.create_task(bot.run())
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    while set(bot.duty.states().values()) != {"ok"}:
                        await asyncio.sleep(0.02)
                rude = slack.say(slack.general, "you are all fools", author="bob")
                slack.shortcut("report", slack.general, rude)
                async with asyncio.timeout(WAIT_SECONDS):
                    while not discord.shown(moderators):
                        await asyncio.sleep(0.02)
                (notice,) = discord.shown(moderators)
                assert "you are all fools" in notice.content
                assert notice.mentions_effective in ([], ())
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError, ParleyError):
                    await running
