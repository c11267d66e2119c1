"""Answers arrive once, in order, harmless, and at the pace Discord allows."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.app import Bot
from bot.connector import Outgoing
from bot.connectors.discord import abuse, posting
from bot.connectors.discord.abuse import Abuse
from bot.connectors.discord.rendering import nonce_of
from bot.errors import Refused, RetryLater, Uncertain
from bot.message import Author, Channel, Message, Reply, now
from bot.settings import Settings
from bot.testing import RecordingConnector
from bot.testing.discord import Dice, FakeDiscord
from tests.bot.connectors.discord.conftest import (
    answers,
    discord_settings,
    finished,
    open_bot,
    until,
)

JSON = {"Content-Type": "application/json"}
LIMITED = JSON | {"Via": "1.1 google"}
POSTS = r"/messages$"


def outgoing(where: int, text: str = "hi", key: str = "discord:1|echo|1", **more: Any) -> Outgoing:
    message = Message("discord:1", Channel("discord", str(where), is_direct=True), Author("1"), "", now())
    return Outgoing(key, message, Reply(text, **more), 1, now())


async def send(bot: Bot, part: Outgoing) -> str:
    return await bot.connectors["discord"].send(part)


async def test_a_part_sent_again_is_shown_once(bot: Bot, discord: FakeDiscord) -> None:
    where = discord.dm("ann")
    first = await send(bot, outgoing(where))
    assert await send(bot, outgoing(where)) == first
    [shown] = discord.shown(where)
    assert first == f"discord:{shown.id}"
    assert shown.nonce == nonce_of("discord:1|echo|1")
    assert len(str(shown.nonce)) == 25


@pytest.mark.parametrize(
    ("status", "body", "headers", "seconds"),
    [
        (429, {"retry_after": 86400.0, "message": "", "global": False}, LIMITED, 86400),
        (429, {"message": "", "global": False}, LIMITED, 5),
        (429, {"retry_after": "abc", "message": ""}, LIMITED, 5),
        (429, "<html>banned</html>", {"Content-Type": "text/html"}, 5),
        (429, "<html>banned</html>", {"Content-Type": "text/html", "Retry-After": "30.5"}, 30.5),
        (429, "<html>banned</html>", {"Content-Type": "text/html", "Retry-After": "abc"}, 5),
        (429, {"retry_after": 40.0, "message": "", "global": True}, LIMITED, 40),
        (429, {"retry_after": 40.0, "message": ""}, LIMITED | {"X-RateLimit-Scope": "shared"}, 40),
    ],
)
async def test_waits_as_long_as_discord_says(
    bot: Bot, discord: FakeDiscord, status: int, body: Any, headers: dict[str, str], seconds: float
) -> None:
    discord.fail_next("POST", POSTS, status, body, headers)
    with pytest.raises(RetryLater) as refusal:
        await send(bot, outgoing(discord.dm("ann")))
    assert refusal.value.seconds == seconds


async def test_a_short_wait_is_waited(bot: Bot, discord: FakeDiscord) -> None:
    discord.fail_next("POST", POSTS, 429, {"retry_after": 0.35, "message": "", "global": False}, LIMITED)
    began = time.monotonic()
    await send(bot, outgoing(discord.dm("ann")))
    assert time.monotonic() - began >= 0.35


async def drip() -> AsyncIterator[bytes]:
    for _ in range(10):
        yield b" "
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (503, "unavailable", {}),
        (500, "broken", {}),
        (200, "not json", JSON),
        (200, b"\x1f\x8b garbage", JSON | {"Content-Encoding": "gzip"}),
        (200, drip, JSON),
        (200, "<html>", {"Content-Type": "text/html"}),
    ],
)
async def test_an_unreadable_answer_leaves_it_uncertain_and_is_repaired(
    bot: Bot,
    discord: FakeDiscord,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    body: Any,
    headers: dict[str, str],
) -> None:
    monkeypatch.setattr(asyncio, "sleep", _quick(asyncio.sleep))
    where = discord.dm("ann")
    discord.fail_next("POST", POSTS, status, body, headers, times=6, accepted=True)
    with pytest.raises(Uncertain):
        await send(bot, outgoing(where))
    discord.faults._orders.clear()
    await send(bot, outgoing(where))
    assert [each.content for each in discord.shown(where)] == ["hi"]


def _quick(sleep: Any) -> Any:
    async def at_most(seconds: float, result: object = None) -> object:
        return await sleep(min(seconds, 0.05), result)

    return at_most


async def test_a_connection_dropped_after_sending_is_repaired(bot: Bot, discord: FakeDiscord) -> None:
    where = discord.dm("ann")
    discord.lose_next("POST", POSTS)
    with pytest.raises(Uncertain):
        await send(bot, outgoing(where))
    await send(bot, outgoing(where))
    assert [each.content for each in discord.shown(where)] == ["hi"]


async def test_no_leave_to_write_leaves_the_channel_alone(bot: Bot, discord: FakeDiscord) -> None:
    where = discord.add_channel("closed")
    discord.forbid(where)
    message = Message("discord:1", Channel("discord", str(where)), Author("1"), "", now())
    part = Outgoing("discord:1|echo|1", message, Reply("hi"), 1, now())
    for _ in range(2):
        with pytest.raises(Refused):
            await send(bot, part)
    assert [status for _, path, status in discord.requests if path.endswith("/messages")] == [403]


async def test_a_channel_that_is_gone_refuses(bot: Bot, discord: FakeDiscord) -> None:
    with pytest.raises(Refused):
        await send(bot, outgoing(12345))


async def test_an_answer_somebody_deleted_is_not_shown_again(bot: Bot, discord: FakeDiscord) -> None:
    where = discord.dm("ann")
    await send(bot, outgoing(where))
    discord.delete(discord.shown(where)[0].id)
    assert (await send(bot, outgoing(where))).startswith("discord:gone")
    assert discord.shown(where) == []


async def test_an_old_part_is_looked_for_before_it_is_sent_again(
    bot: Bot, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = discord.dm("ann")
    trigger = discord.say(where, "/nosuch", deliver=False)
    message = Message(
        f"discord:{trigger}", Channel("discord", str(where), is_direct=True), Author("1"), "", now()
    )
    part = Outgoing("discord:1|echo|1", message, Reply("hi"), 1, now() - timedelta(hours=1))
    first = await send(bot, part)
    discord.world.nonce_seconds = 0.0
    assert await send(bot, part) == first
    assert [each.content for each in discord.shown(where)] == ["hi"]
    other = replace(part, key="discord:1|echo|2", reply=Reply("other"), written_at=now())
    discord.lose_next("POST", POSTS)
    with pytest.raises(Uncertain):
        await send(bot, other)
    monkeypatch.setattr(posting, "NONCE_SECONDS", -1.0)
    await send(bot, other)
    assert [each.content for each in discord.shown(where)] == ["hi", "other"]


async def test_another_parts_message_is_not_taken_for_this_one(bot: Bot, discord: FakeDiscord) -> None:
    where = discord.dm("ann")
    number = discord.say(where, "echo same")
    await finished(bot, f"discord:{number}")
    message = Message(
        f"discord:{number}", Channel("discord", str(where), is_direct=True), Author("1"), "", now()
    )
    part = Outgoing("discord:1|other|1", message, Reply("same"), 1, now() - timedelta(hours=1))
    await send(bot, part)
    assert [each.content for each in discord.shown(where)] == ["same", "same"]


async def test_an_answer_for_the_asker_comes_directly(bot: Bot, discord: FakeDiscord) -> None:
    number = discord.say(discord.general_id, "/whisper me", mention_bot=True)
    [direct] = await answers(discord, discord.dm("ann"))
    assert direct.content == "psst: me"
    assert number not in discord.world.state.channels
    assert discord.shown(discord.general_id) == []


async def test_closed_direct_messages_are_told_in_the_channel(bot: Bot, discord: FakeDiscord) -> None:
    discord.forbid(discord.dm("ann"), 50007)
    number = discord.say(discord.general_id, "/whisper me", mention_bot=True)
    [note] = await answers(discord, number)
    assert "direct messages" in note.content
    assert "psst" not in note.content
    await finished(bot, f"discord:{number}")
    assert len(discord.shown(number)) == 1


@pytest.mark.parametrize("size", [2001, 4001, 9_000])
async def test_long_answers_come_in_parts_that_fit(bot: Bot, discord: FakeDiscord, size: int) -> None:
    where = discord.dm("ann")
    number = discord.say(where, f"/repeat {size // 5} word")
    await finished(bot, f"discord:{number}")
    parts = [each.content for each in discord.shown(where)]
    assert all(len(each) <= 2000 for each in parts)
    assert " ".join(parts).split() == ["word"] * (size // 5)


async def test_very_long_answers_come_as_a_file(bot: Bot, discord: FakeDiscord) -> None:
    where = discord.dm("ann")
    number = discord.say(where, "/repeat 5000 word")
    await finished(bot, f"discord:{number}")
    [shown] = discord.shown(where)
    assert len(shown.content) <= 2000
    [(name, content)] = shown.files
    assert name == "answer.md"
    assert content.decode().split() == ["word"] * 5000


@pytest.mark.parametrize("alone", ["", " yes"])
async def test_a_file_goes_with_its_answer(bot: Bot, discord: FakeDiscord, alone: str) -> None:
    number = discord.say(discord.general_id, f"/parcel notes.de.md{alone}", mention_bot=True)
    [shown] = await answers(discord, discord.dm("ann") if alone else number)
    assert shown.content == "Here is notes.de.md."
    assert shown.files == (("notes.de.md", "the content of notes.de.md 你好".encode()),)
    await finished(bot, f"discord:{number}")
    kept = await bot.store.outbox.packed(f"discord:{number}|parcel|1")
    assert ("files" in kept) == bool(alone)


async def test_a_file_is_the_answer_of_a_command(bot: Bot, discord: FakeDiscord) -> None:
    interaction = discord.slash("parcel", {"name": "notes.txt"})
    await finished(bot, f"discord:{interaction.id}")
    assert interaction.message is not None
    assert [name for name, _ in interaction.message.files] == ["notes.txt"]


async def test_sources_stand_below_the_answer(bot: Bot, discord: FakeDiscord) -> None:
    where = discord.dm("ann")
    discord.say(where, "/cite")
    [shown] = await answers(discord, where)
    assert shown.content == "So it is [1].\n\n**Sources**\n[1] guide.pdf, page 3"


EVIL = "@everyone @here <@&5> <@1> <@!1> https://evil/?q=S ![x](https://evil/i.png) [bank](https://evil/)"


async def test_nobody_is_notified_and_no_link_fetched(bot: Bot, discord: FakeDiscord) -> None:
    where = discord.add_channel("room")
    discord.world.state.person("ann")
    text = EVIL.replace("<@1>", f"<@{discord.user_id('bob')}>")
    number = discord.say(where, f"echo {text}", mention_bot=True)
    [shown] = await answers(discord, number)
    assert shown.mentions_effective == ()
    assert discord.previews == []
    assert "bank (https://evil/)" in shown.content
    spelled = discord.say(number, f"/spell {text}")
    await finished(bot, f"discord:{spelled}")
    interaction = discord.slash("echo", {"text": text})
    await finished(bot, f"discord:{interaction.id}")
    assert interaction.message is not None
    assert interaction.message.mentions_effective == ()
    assert all(each.mentions_effective == () for each in discord.shown(number))
    assert discord.previews == []


async def test_twenty_channels_at_once_pass_no_limit(tmp_path: Path) -> None:
    async with FakeDiscord(strict=True).serving() as discord:
        settings = discord_settings(tmp_path, discord, answer_in="channel")
        rooms = [discord.add_channel(f"room{each}") for each in range(20)]
        async with open_bot(settings, discord) as bot:
            numbers = [
                discord.say(room, f"echo {each}", mention_bot=True) for each in range(8) for room in rooms
            ]
            for number in numbers:
                await finished(bot, f"discord:{number}")
        assert [each for each in discord.requests if each[2] == 429] == []
        assert discord.limited == 0
        for room in rooms:
            assert [each.content for each in discord.shown(room)] == [str(each) for each in range(8)]


async def test_every_fault_of_the_network_at_once_loses_and_doubles_nothing(tmp_path: Path) -> None:
    dice = Dice(busy=0.1, broken=0.05, lost_answer=0.1, duplicate=0.2, reorder=0.1)
    async with FakeDiscord(dice=dice, seed=7).serving() as discord:
        settings = discord_settings(tmp_path, discord)
        rooms = [discord.dm(f"person{each}") for each in range(8)]
        async with open_bot(settings, discord) as bot:
            said = [
                (discord.say(room, f"echo {each}"), room, str(each)) for each in range(5) for room in rooms
            ]
            for number, _, _ in said:
                await finished(bot, f"discord:{number}")
        assert discord.repeated() == []
        for room in rooms:
            assert sorted(each.content for each in discord.shown(room)) == [str(each) for each in range(5)]


async def test_too_many_refusals_stop_all_sending_for_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    moment = 0.0
    counted = Abuse(lambda: moment)
    for _ in range(abuse.STOP - 1):
        counted.count(403)
        counted.count(429, "shared")
        counted.count(200)
    counted.check()
    loud = [each for each in caplog.records if each.levelno == logging.CRITICAL]
    assert len(loud) == 1
    counted.count(401)
    moment = 100.0
    with pytest.raises(RetryLater) as refusal:
        counted.check()
    assert refusal.value.seconds == 500
    moment = 601.0
    counted.check()


async def test_refusals_are_counted_where_they_happen(settings: Settings, discord: FakeDiscord) -> None:
    where = discord.add_channel("closed")
    discord.forbid(where)
    async with open_bot(settings, discord) as bot:
        term = bot.connectors["discord"]._term  # type: ignore[attr-defined]
        number = discord.say(where, "echo hi", mention_bot=True)
        await finished(bot, f"discord:{number}")
        assert len(term.rest._abuse._moments) == sum(status == 403 for *_, status in discord.requests) > 0


async def test_a_token_that_is_taken_away_stops_this_connector_alone(
    settings: Settings, discord: FakeDiscord
) -> None:
    async with open_bot(settings, discord, RecordingConnector()) as bot:
        discord.fail_next("POST", POSTS, 401, {"message": "401: Unauthorized", "code": 0}, JSON)
        with pytest.raises(Refused):
            await send(bot, outgoing(discord.dm("ann")))
        await until(lambda: "refuses the account" in bot.duty.states()["discord"])
        assert bot.duty.states()["test"] == "ok"
