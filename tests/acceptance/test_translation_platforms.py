"""Translation where people meet: flags, files and links on Discord and Slack."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.app import Bot
from bot.message import Channel
from bot.testing.discord import FakeDiscord
from bot.testing.slack import FakeSlack
from tests.bot.connectors.discord.conftest import answers, discord_settings, finished, open_bot
from tests.bot.connectors.slack.conftest import Talk, running, words

GERMAN = "Guten Morgen zusammen, wir treffen uns heute um zehn Uhr im Büro"
TEXT = b"# Hello\n\nWe meet at ten in the office, see `plan.md`.\n"


@pytest.fixture
async def discord() -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord().serving() as serving:
        yield serving
        assert serving.violations == []


@pytest.fixture
async def bot(tmp_path: Path, discord: FakeDiscord) -> AsyncIterator[Bot]:
    async with open_bot(discord_settings(tmp_path, discord), discord) as running_bot:
        yield running_bot


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    async with FakeSlack().serving() as slack, running(slack, tmp_path) as found:
        yield found


async def until_known(bot: Bot, key: str) -> None:
    async with asyncio.timeout(20):
        while await bot.store.history.message(key) is None:
            await asyncio.sleep(0.01)


async def test_a_flag_on_discord_brings_the_translation_directly(bot: Bot, discord: FakeDiscord) -> None:
    number = discord.say(discord.general_id, GERMAN, author="bob")
    await until_known(bot, f"discord:{number}")
    discord.react(number, "🇬🇧")
    [direct] = await answers(discord, discord.dm("ann"))
    assert direct.content.startswith(f"[en] {GERMAN}")
    assert f"/{discord.general_id}/{number}" in direct.content
    assert discord.shown(discord.general_id) == []


async def test_other_emoji_and_flags_taken_back_bring_nothing(bot: Bot, discord: FakeDiscord) -> None:
    number = discord.say(discord.general_id, GERMAN, author="bob")
    await until_known(bot, f"discord:{number}")
    discord.react(number, "🎉")
    discord.react(number, "🇩🇪")
    discord.unreact(number, "🇩🇪")
    discord.react(number, "🇫🇷", author="cat")
    [direct] = await answers(discord, discord.dm("cat"))
    assert direct.content.startswith("[fr]")
    assert discord.shown(discord.dm("ann")) == []


async def test_a_file_on_discord_comes_back_translated(bot: Bot, discord: FakeDiscord) -> None:
    where = discord.dm("ann")
    number = discord.say(where, "/translate de", files=[("plan.md", TEXT, "text/markdown")])
    await finished(bot, f"discord:{number}")
    [shown] = discord.shown(where)
    [(name, content)] = shown.files
    assert name == "plan.de.md"
    assert content.decode() == "# [de] Hello\n\n[de] We meet at ten in the office, see `plan.md`.\n"


async def test_the_link_of_a_message_on_discord_is_known(bot: Bot, discord: FakeDiscord) -> None:
    number = discord.say(discord.general_id, GERMAN, author="bob")
    await until_known(bot, f"discord:{number}")
    connector = bot.connectors["discord"]
    link = connector.link(f"discord:{discord.general_id}", f"discord:{number}")
    assert connector.key_at(link) == connector.key_at(f"<{link}>") == f"discord:{number}"
    for other in (f"{link}x", "https://discord.com/channels/1/2/3", "https://example.org", ""):
        assert connector.key_at(other) == ""


@pytest.mark.parametrize("name", ["flag-fr", "fr"])
async def test_a_flag_on_slack_whispers_the_translation(talk: Talk, name: str) -> None:
    channel = talk.slack.general
    ts = await talk.say(channel, GERMAN, author="bob")
    reply = await talk.say(channel, GERMAN.replace("zehn", "elf"), author="bob", thread=ts)
    for target, thread in ((ts, None), (reply, ts)):
        before = len(talk.slack.ephemerals(channel))
        talk.slack.react(channel, target, name)
        await talk.eventually(lambda before=before: len(talk.slack.ephemerals(channel)) > before)
        shown = talk.slack.ephemerals(channel)[-1]
        assert words(shown).startswith("[fr] Guten Morgen zusammen")
        assert shown.thread_ts == thread
    assert talk.texts(channel) == []


async def test_a_file_on_slack_comes_back_translated(talk: Talk) -> None:
    channel = talk.slack.dm("ann")
    await talk.say(channel, "/translate de", files=[("plan.md", TEXT, "text/markdown")])
    shown = [each for each in talk.slack.shown(channel) or [] if each.files]
    threads = {message.thread_ts for message in talk.slack.places[channel].messages.values()} - {None}
    shown += [each for thread in threads for each in talk.slack.shown(channel, thread) if each.files]
    (file,) = {file.id: file for each in shown for file in each.files}.values()
    assert (file.title, file.content.decode().splitlines()[0]) == ("plan.de.md", "# [de] Hello")


async def test_the_link_of_a_message_on_slack_is_known(talk: Talk) -> None:
    channel = talk.slack.general
    ts = await talk.say(channel, GERMAN, author="bob")
    key = talk.key(channel, ts)
    conversation = Channel("slack", f"{talk.slack.team_id}.{channel}").conversation
    link = talk.connector.link(conversation, key)
    in_thread = talk.connector.link(f"{conversation}/1700000000.000100", key)
    assert talk.connector.key_at(link) == talk.connector.key_at(in_thread) == key
    for other in (
        "https://else.slack.com/archives/C1/p1700000000000100",
        f"{link[:-3]}",
        "https://example.org",
    ):
        assert talk.connector.key_at(other) == ""
