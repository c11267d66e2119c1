"""The event stream: exactly what was missed, then what happens."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.connectors.web import streams
from tests.bot.connectors.web.conftest import Event, Visitor, next_message, open_site, site_settings, visit


async def collect(events: AsyncIterator[Event], count: int) -> list[Event]:
    return [await next_message(events) for _ in range(count)]


async def test_a_message_and_its_answer_arrive_with_drafts_between(
    visitor: Visitor, conversation: str
) -> None:
    async with visitor.events(conversation) as events:
        await visitor.post("/leave how many days?", conversation)
        seen = []
        async with asyncio.timeout(10):
            async for event in events:
                seen.append(event)
                if event.name == "message" and event.value["by_bot"]:
                    break
    assert [each.value["by_bot"] for each in seen if each.name == "message"] == [False, True]
    signs = [each.value for each in seen if each.name == "sign" and each.value["working"]]
    assert any("Employees" in each["html"] for each in signs)
    assert all(each.revision is None for each in seen if each.name == "sign")


async def test_the_sign_goes_with_the_answer(visitor: Visitor, conversation: str) -> None:
    async with visitor.events(conversation) as events:
        await visitor.post("/wait 0.2 done", conversation)
        states = []
        async with asyncio.timeout(10):
            async for event in events:
                if event.name == "sign":
                    states.append(event.value["working"])
                if states == [True, False]:
                    break
    assert states == [True, False]


@pytest.mark.parametrize("ends_by", ["/silent", "/wait 20 deleted"])
async def test_the_sign_goes_when_nothing_is_answered(
    visitor: Visitor, conversation: str, ends_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LOOK_SECONDS", 0.1)
    async with visitor.events(conversation) as events:
        key = (await visitor.post(ends_by, conversation)).json()["key"]
        states: list[bool] = []
        async with asyncio.timeout(10):
            async for event in events:
                if event.name == "sign":
                    states.append(event.value["working"])
                    if states == [True, False]:
                        break
                    if "deleted" in ends_by:
                        await visitor.client.delete(f"api/conversations/{conversation}/messages/{key}")


async def test_a_page_that_comes_back_gets_exactly_what_it_missed(
    visitor: Visitor, conversation: str
) -> None:
    await visitor.ask("/echo one", conversation)
    async with visitor.events(conversation) as events:
        first = await collect(events, 2)
    missed = [await visitor.ask(f"/echo {number}", conversation) for number in range(3)]
    async with visitor.events(conversation, last=first[-1].revision) as events:
        second = await collect(events, 6)
        assert [each.value["key"] for each in second if not each.value["by_bot"]] == missed
        after = await visitor.ask("/echo after", conversation)
        assert (await next_message(events)).value["key"] == after
    revisions = [each.revision for each in first + second]
    assert revisions == sorted(set(revisions), key=lambda number: number or 0)


async def test_a_page_that_missed_very_much_gets_all_of_it(
    visitor: Visitor, conversation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "BATCH", 3)
    keys = [await visitor.ask(f"/echo {number}", conversation) for number in range(6)]
    async with visitor.events(conversation) as events:
        found = await collect(events, 12)
    assert [each.value["key"] for each in found if not each.value["by_bot"]] == keys


async def test_leaving_and_returning_all_the_time_loses_and_repeats_nothing(
    visitor: Visitor, conversation: str
) -> None:
    count, seen, last = 40, [], 0
    posting = asyncio.create_task(_post_many(visitor, conversation, count))
    async with asyncio.timeout(60):
        while len(seen) < 2 * count:
            async with visitor.events(conversation, last=last) as events:
                for _ in range(min(5, 2 * count - len(seen))):
                    event = await next_message(events)
                    seen.append(event.value["key"])
                    assert event.revision is not None
                    last = event.revision
    await posting
    assert len(seen) == len(set(seen)) == 2 * count


async def _post_many(visitor: Visitor, conversation: str, count: int) -> None:
    for number in range(count):
        await visitor.post(f"/echo {number}", conversation)


async def test_edits_and_deletions_arrive(visitor: Visitor, conversation: str) -> None:
    key = await visitor.ask("/echo first", conversation)
    path = f"api/conversations/{conversation}/messages/{key}"
    async with visitor.events(conversation) as events:
        await collect(events, 2)
        await visitor.client.patch(path, json={"edit": "e" * 8, "text": "changed"})
        event = await next_message(events)
        assert (event.value["key"], "changed" in event.value["html"]) == (key, True)
        await visitor.client.delete(path)
        event = await next_message(events)
        assert (event.value["key"], event.value["deleted"]) == (key, True)
        assert "changed" not in event.value["html"]


async def test_every_open_page_hears_it(visitor: Visitor, conversation: str) -> None:
    await visitor.ask("/echo first", conversation)
    async with visitor.events(conversation) as one, visitor.events(conversation) as two:
        await collect(one, 2)
        await collect(two, 2)
        key = await visitor.ask("/echo x", conversation)
        assert [(await next_message(each)).value["key"] for each in (one, two)] == [key, key]


async def test_another_conversation_does_not(visitor: Visitor, conversation: str) -> None:
    async with visitor.events(conversation) as events:
        await visitor.ask("/echo elsewhere", secrets.token_hex(16))
        key = await visitor.ask("/echo here", conversation)
        assert (await next_message(events)).value["key"] == key


async def test_a_stream_opened_before_someone_elses_conversation_hears_nothing(
    visitor: Visitor, stranger: Visitor, conversation: str
) -> None:
    async with stranger.events(conversation) as events:
        await visitor.ask("/leave how many days?", conversation)
        async with asyncio.timeout(10):
            heard = [event async for event in events]
    assert not [each for each in heard if each.name == "message"]
    assert not [each for each in heard if each.name == "sign" and each.value["html"]]


async def test_too_many_pages_are_refused(
    visitor: Visitor, conversation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.connectors.web.messages.STREAMS", 1)
    async with visitor.events(conversation):
        response = await visitor.client.get(f"api/conversations/{conversation}/events")
        assert (response.status_code, response.json()["code"]) == (429, "too_many_pages")


async def test_a_page_that_leaves_is_forgotten(visitor: Visitor, conversation: str) -> None:
    open_streams = visitor.running.connector._streams
    async with visitor.events(conversation) as events:
        await visitor.ask("/echo x", conversation)
        await next_message(events)
        assert open_streams.count(visitor.id) == 1
    async with asyncio.timeout(5):
        while open_streams.count(visitor.id):
            await asyncio.sleep(0.02)


async def test_a_quiet_stream_shows_that_it_lives(
    visitor: Visitor, conversation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "KEEP_ALIVE_SECONDS", 0.1)
    async with visitor.events(conversation) as events, asyncio.timeout(5):
        assert [(await anext(events)).name for _ in range(3)] == ["alive"] * 3


@pytest.mark.parametrize("last", ["x", "-5", "9" * 40, "1e5"])
async def test_an_odd_revision_is_harmless(visitor: Visitor, conversation: str, last: str) -> None:
    address = f"api/conversations/{conversation}/events"
    async with visitor.client.stream("GET", address, headers={"last-event-id": last}) as response:
        assert response.status_code == 200


async def test_stopping_ends_open_streams_quickly(tmp_path: Path, conversation: str) -> None:
    async with AsyncExitStack() as stack:
        async with open_site(site_settings(tmp_path)) as running:
            visitor = await stack.enter_async_context(visit(running))
            events = await stack.enter_async_context(visitor.events(conversation))
            await visitor.ask("/echo x", conversation)
            await collect(events, 2)
            begun = time.monotonic()
        assert time.monotonic() - begun < 3
        assert [event.name async for event in events if event.name == "message"] == []


async def test_the_answers_of_a_former_process_are_there_after_a_restart(
    tmp_path: Path, conversation: str
) -> None:
    async with open_site(site_settings(tmp_path)) as running, visit(running) as visitor:
        await visitor.ask("/echo before", conversation)
        cookies = dict(visitor.client.cookies)
        async with visitor.events(conversation) as events:
            last = (await collect(events, 2))[-1].revision
    async with open_site(site_settings(tmp_path)) as running, visit(running, cookies=cookies) as visitor:
        key = await visitor.ask("/echo after", conversation)
        async with visitor.events(conversation, last=last) as events:
            found = await collect(events, 2)
        assert found[0].value["key"] == key
        assert len(await visitor.messages(conversation)) == 4
