"""A skill reads the history of where it was asked, and of the channel a thread belongs to; no other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.message import Message, now
from bot.recall import Recall
from bot.settings import Settings
from bot.skills import Said
from bot.testing import Harness, RecordingConnector, open_harness

Hear = Callable[..., Awaitable[Message]]


@pytest.fixture
def hear(harness: Harness) -> Hear:
    moments = iter(now() - timedelta(hours=1) + timedelta(seconds=number) for number in range(1000))

    async def listen(text: str, **place: str) -> Message:
        message = replace(harness.message(text, direct=False, **place), sent_at=next(moments))  # type: ignore[arg-type]
        await harness.hand_in(message)
        return message

    return listen


def recall(harness: Harness, message: Message) -> Recall:
    return Recall(harness.bot.store, message, harness.bot.connectors)


def texts(said: list[Said]) -> list[str]:
    return [each.text for each in said]


async def test_messages_come_with_their_moment_and_what_they_reply_to(harness: Harness, hear: Hear) -> None:
    first = await hear("one")
    second = replace(harness.message("/help", direct=False), reply_to=first.key)
    await harness.hand_in(second)
    asking = await hear("asking")
    said = {each.key: each for each in await recall(harness, asking).recent()}
    assert said[first.key].said_at == first.sent_at
    assert said[second.key].reply_to == first.key
    assert (said[first.key].to_bot, said[second.key].to_bot) == (False, True)


async def test_a_span_of_time(harness: Harness, hear: Hear) -> None:
    heard = [await hear(f"text {number}") for number in range(4)]
    history = recall(harness, heard[-1])
    start: datetime = heard[1].sent_at
    assert texts(await history.between(start)) == ["text 1", "text 2"], "not the message that asks"
    assert texts(await history.between(start, heard[2].sent_at)) == ["text 1"]
    assert texts(await history.between(start, limit=1)) == ["text 2"]


async def test_the_askers_own_last_message(harness: Harness, hear: Hear) -> None:
    await hear("mine", author="ann")
    await hear("in a thread", author="ann", thread="t1")
    await hear("theirs", author="bob")
    asking = await hear("asking", author="ann")
    found = await recall(harness, asking).last_by_asker()
    assert found is not None
    assert found.text == "mine"
    assert await recall(harness, await hear("first", author="new")).last_by_asker() is None


async def test_a_threads_channel(harness: Harness, hear: Hear) -> None:
    root = await hear("root")
    await hear("in the channel")
    await hear("in the thread", thread="t1")
    await hear("in another thread", thread="t2")
    asking = await hear("asking", thread="t1")
    history = recall(harness, asking)
    assert texts(await history.recent()) == ["in the thread"]
    assert texts(await history.of_channel().recent()) == ["root", "in the channel"]
    assert texts(await history.since(root.key)) == ["root", "in the thread"]
    assert texts(await recall(harness, await hear("x")).of_channel().recent()) == ["root", "in the channel"]


async def test_what_stands_in_another_channel_is_not_read(harness: Harness, hear: Hear) -> None:
    secret = await hear("secret", channel="other")
    asking = await hear("asking")
    history = recall(harness, replace(asking, reply_to=secret.key))
    assert await history.since(secret.key) == []
    assert await history.quoted() is None
    assert await history.since("test:unknown") == []


class Addressed(RecordingConnector):
    """A platform whose messages have addresses."""

    def key_at(self, address: str) -> str:
        return address.removeprefix("https://chat.example/") if address.startswith("https://chat") else ""


async def test_an_address_leads_to_a_thread_or_to_what_was_said_from_there_on(tmp_path: Path) -> None:
    async with open_harness(Settings(data_dir=tmp_path), Addressed()) as harness:

        async def say(text: str, **place: str) -> Message:
            message = harness.message(text, direct=False, **place)  # type: ignore[arg-type]
            await harness.hand_in(message)
            return message

        opening, plain = await say("who comes?"), await say("the weather is nice")
        hanging = opening.key.rpartition(":")[2]
        await say("I do", thread=hanging)
        secret = await say("secret", channel="elsewhere")
        gone = await say("deleted soon")
        await harness.hand_in(harness.delete(gone))
        history = recall(harness, await say("asking"))
        site = "https://chat.example"
        assert texts(await history.linked(f"{site}/{opening.key}")) == ["who comes?", "I do"]
        assert texts(await history.linked(f"{site}/{plain.key}")) == ["the weather is nice"]
        for other in (f"{site}/{secret.key}", f"{site}/test:nowhere", "https://example.org", ""):
            assert await history.linked(other) == []
