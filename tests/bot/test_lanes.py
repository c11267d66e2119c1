"""Lanes: urgent first, fair, none starved, and one holder at a time."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot import Priority
from bot.lanes import AGEING, READY_LIMIT, Lanes, Ready
from bot.settings import StorageSettings
from bot.testing import open_harness
from bot.testing.platform import platform_settings
from storage import Claimed, Finish, InboxState


def test_urgent_conversations_come_first_and_the_others_in_turn() -> None:
    ready = Ready()
    for conversation, priority in (
        (1, Priority.BACKGROUND),
        (2, Priority.PERSON),
        (3, Priority.ALERT),
        (4, Priority.PERSON),
    ):
        ready.add(conversation, priority)
    ready.add(2, Priority.ALERT)
    assert [ready.take()[0] for _ in range(4)] == [3, 2, 4, 1]
    with pytest.raises(IndexError):
        ready.take()


def test_the_least_urgent_is_not_starved() -> None:
    ready = Ready()
    ready.add(0, Priority.BACKGROUND)
    taken = []
    for conversation in range(1, AGEING + 1):
        ready.add(conversation, Priority.ALERT)
        taken.append(ready.take()[0])
    assert 0 in taken


def test_a_waiting_conversation_moves_up_when_something_urgent_comes_and_never_down() -> None:
    ready = Ready()
    for conversation in (1, 2, 3):
        ready.add(conversation, Priority.PERSON)
    ready.add(3, Priority.ALERT)
    ready.add(3, Priority.BACKGROUND)
    assert [ready.take() for _ in range(3)] == [
        (3, Priority.ALERT),
        (1, Priority.PERSON),
        (2, Priority.PERSON),
    ]


async def test_a_long_background_conversation_does_not_come_before_people(tmp_path: Path) -> None:
    settings = platform_settings(tmp_path)
    settings = settings.model_copy(update={"lanes": settings.lanes.model_copy(update={"concurrency": 1})})
    async with open_harness(settings) as harness:
        blocking = harness.message("wait 0.3", channel="first")
        digest = [
            replace(harness.message(f"echo digest {number}", channel="digest"), priority=Priority.BACKGROUND)
            for number in range(12)
        ]
        people = [harness.message(f"echo person {number}", channel="people") for number in range(12)]
        for message in (blocking, *digest, *people):
            await harness.bot.accept(message)
        for message in (*digest, *people):
            await harness.finished(message.key)
        order = [sent.reply.text.split()[0] for sent in harness.connector.sent.values()]
        replies = [each for each in order if each in ("digest", "person")]
        assert replies[:12].count("digest") <= 2  # ageing lets one through in eight turns


def test_the_queue_is_bounded() -> None:
    ready = Ready()
    for conversation in range(READY_LIMIT + 10):
        ready.add(conversation, Priority.PERSON)
    assert len(ready) == READY_LIMIT


async def test_two_bots_on_one_database_share_the_work_without_repeating_it(
    tmp_path: Path, database_url: str
) -> None:
    settings = platform_settings(tmp_path).model_copy(update={"storage": StorageSettings(url=database_url)})
    async with open_harness(settings) as one, open_harness(settings) as two:
        messages = [one.message(f"echo {number}", channel=f"room-{number % 7}") for number in range(100)]
        await asyncio.gather(
            *((one, two)[number % 2].bot.accept(message) for number, message in enumerate(messages))
        )
        for message in messages:
            await one.finished(message.key)
            await two.finished(message.key)
        texts = [sent.reply.text for each in (one, two) for sent in each.connector.sent.values()]
        assert sorted(texts, key=int) == [str(number) for number in range(100)]


async def test_a_stopped_process_loses_its_conversation_and_its_late_result_is_refused(
    tmp_path: Path,
) -> None:
    settings = platform_settings(tmp_path)
    async with open_harness(settings) as harness:
        await harness.bot.lanes.drain()
        message = harness.message("echo hi")
        accepted = await harness.bot.accept(message)
        inbox = harness.bot.store.inbox
        (stopped,) = await inbox.claim("sleeper", accepted.conversation_id, limit=1, lease_seconds=0.1)
        await asyncio.sleep(0.2)
        done: list[Claimed] = []

        async def walk(claimed: Claimed) -> Finish:
            done.append(claimed)
            return Finish(claimed.inbox_id, claimed.fence, InboxState.NO_REPLY_NEEDED)

        lanes = Lanes(harness.bot.store, settings.lanes, ["test"], walk, lambda parts: None)
        running = asyncio.create_task(lanes.run())
        assert await harness.finished(message.key) is InboxState.NO_REPLY_NEEDED
        assert done[0].fence > stopped.fence
        assert done[0].attempts == 2
        with pytest.raises(Exception, match="claim"):
            await inbox.finish(Finish(stopped.inbox_id, stopped.fence, InboxState.ANSWERED))
        await lanes.drain()
        await running
