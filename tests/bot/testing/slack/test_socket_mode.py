"""Socket Mode with Bolt: events, acknowledgements, redelivery, faults of the line."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.testing.slack import FakeSlack
from tests.bot.testing.slack.conftest import Bot, eventually


class Line:
    """A socket of our own, to see every frame and to acknowledge by hand."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def frame(self) -> dict[str, Any]:
        frame: dict[str, Any] = await self._socket.receive_json(timeout=5)
        return frame

    async def acknowledge(self, frame: dict[str, Any], **more: Any) -> None:
        await self._socket.send_json({"envelope_id": frame["envelope_id"], **more})


@pytest.fixture
async def line(slack: FakeSlack, client: AsyncWebClient) -> Any:
    address = (await client.apps_connections_open(app_token=slack.app_token))["url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(address) as socket:
        line = Line(socket)
        hello = await line.frame()
        assert (hello["type"], hello["num_connections"]) == ("hello", 1)
        yield line


async def test_address_is_good_for_one_socket(slack: FakeSlack, client: AsyncWebClient) -> None:
    address = (await client.apps_connections_open(app_token=slack.app_token))["url"]
    async with aiohttp.ClientSession() as session:
        await (await session.ws_connect(address)).close()
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(address)


async def test_acknowledged_event_comes_once(slack: FakeSlack, line: Line) -> None:
    slack.redeliver_seconds = 0.2
    ts = slack.say(slack.general, "hello")
    frame = await line.frame()
    assert (frame["type"], frame["retry_attempt"]) == ("events_api", 0)
    assert frame["payload"]["event"]["ts"] == ts
    assert slack.unacknowledged == [frame["payload"]["event_id"]]
    await line.acknowledge(frame)
    await slack.settled()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(line.frame(), 0.6)
    assert len(slack.ack_seconds) == 1


async def test_unacknowledged_event_comes_three_times_again(slack: FakeSlack, line: Line) -> None:
    slack.redeliver_seconds = 0.2
    slack.say(slack.general, "hello")
    frames = [await line.frame() for _ in range(4)]
    assert [each["retry_attempt"] for each in frames] == [0, 1, 2, 3]
    assert len({each["payload"]["event_id"] for each in frames}) == 1
    await slack.settled()
    assert [each["event_id"] for each in slack.undelivered] == [frames[0]["payload"]["event_id"]]


async def test_mention_in_a_channel_is_two_events(slack: FakeSlack, bolt: Bot) -> None:
    async with bolt.connected(slack):
        ts = slack.say(slack.general, "help", mention_bot=True)
        await slack.settled()
    assert Counter((each["type"], each["ts"]) for each in bolt.events) == {
        ("message", ts): 1,
        ("app_mention", ts): 1,
    }


async def test_mention_in_a_direct_message_is_one_event(slack: FakeSlack, bolt: Bot) -> None:
    async with bolt.connected(slack):
        slack.say(slack.dm("ann"), "help", mention_bot=True)
        await slack.settled()
    assert [(each["type"], each["channel_type"]) for each in bolt.events] == [("message", "im")]


async def test_edit_delete_preview_and_reactions(slack: FakeSlack, bolt: Bot) -> None:
    async with bolt.connected(slack):
        ts = slack.say(slack.general, "see https://example.com", author="bob")
        for act in (
            lambda: slack.unfurl(slack.general, ts),
            lambda: slack.edit(slack.general, ts, "see nothing"),
            lambda: slack.react(slack.general, ts, "eyes"),
            lambda: slack.unreact(slack.general, ts, "eyes"),
            lambda: slack.delete(slack.general, ts),
        ):
            await slack.settled()
            act()
        await slack.settled()
    said, unfurled, edited, added, removed, deleted = bolt.events
    assert said["text"] == "see <https://example.com>"
    assert "edited" not in unfurled["message"]
    assert unfurled["message"]["attachments"][0]["from_url"] == "https://example.com"
    assert edited["message"]["edited"]["user"] == slack.user("bob")
    assert edited["previous_message"]["text"] == said["text"]
    assert (added["type"], added["item"]["ts"]) == ("reaction_added", ts)
    assert removed["type"] == "reaction_removed"
    assert (deleted["subtype"], deleted["deleted_ts"]) == ("message_deleted", ts)


async def test_parent_that_is_deleted_leaves_a_tombstone(slack: FakeSlack, bolt: Bot) -> None:
    async with bolt.connected(slack):
        ts = slack.say(slack.general, "question")
        slack.say(slack.general, "reply", thread=ts)
        await slack.settled()
        slack.delete(slack.general, ts)
        await slack.settled()
    assert bolt.events[-1]["subtype"] == "message_changed"
    assert bolt.events[-1]["message"]["subtype"] == "tombstone"


async def test_own_posts_come_back_with_the_bots_id(slack: FakeSlack, bolt: Bot) -> None:
    async with bolt.connected(slack):
        await bolt.app.client.chat_postMessage(channel=slack.general, text="mine")
        slack.say(slack.general, "another bot's", is_bot=True)
        await slack.settled()
    who = await bolt.app.client.auth_test()
    assert {each["bot_id"] == who["bot_id"] for each in bolt.events} == {True, False}


async def test_home_and_messages_tabs(slack: FakeSlack, bolt: Bot) -> None:
    async with bolt.connected(slack):
        slack.open_home("ann")
        slack.open_messages("ann")
        slack.open_messages("ann", looking_at=slack.general)
        await slack.settled()
    by_type = {(each["type"], each.get("tab")): each for each in bolt.events}
    assert set(by_type) == {
        ("app_home_opened", "home"),
        ("app_home_opened", "messages"),
        ("app_context_changed", None),
    }
    seen = by_type["app_context_changed", None]["context"]["entities"][0]
    assert seen["value"] == slack.general


async def test_messages_of_channels_without_the_bot_are_not_sent(slack: FakeSlack, bolt: Bot) -> None:
    elsewhere = slack.add_channel("elsewhere", member=False)
    async with bolt.connected(slack):
        slack.say(elsewhere, "hello", mention_bot=True)
        await slack.settled()
        assert bolt.events == []
        slack.invite_bot(elsewhere)
        await slack.settled()
    assert [(each["type"], each["user"]) for each in bolt.events] == [
        ("member_joined_channel", slack.bot_user_id)
    ]


async def test_events_spread_over_two_sockets(slack: FakeSlack, bolt: Bot) -> None:
    async with bolt.connected(slack, sockets=2):
        for number in range(60):
            slack.say(slack.general, f"message {number}")
        await slack.settled()
    assert len(bolt.events) == 60
    assert slack.sockets_opened == 2


async def test_dice_duplicate_events(bolt: Bot, slack: FakeSlack) -> None:
    slack.dice.duplicate = 1.0
    async with bolt.connected(slack, sockets=2):
        slack.say(slack.general, "hello")
        await slack.settled()
        await eventually(lambda: len(bolt.events) == 2)
    assert bolt.events[0] == bolt.events[1]


async def test_dice_reorder_events(bolt: Bot, slack: FakeSlack) -> None:
    slack.dice.reorder = 0.5
    async with bolt.connected(slack):
        written = [slack.say(slack.general, f"message {number}") for number in range(30)]
        await slack.settled()
    arrived = [each["ts"] for each in bolt.events]
    assert sorted(arrived) == written
    assert arrived != written


@pytest.mark.parametrize("kind", ["warning", "refresh_requested"])
async def test_announced_disconnect_is_followed_by_a_new_socket(
    slack: FakeSlack, bolt: Bot, kind: Any
) -> None:
    async with bolt.connected(slack):
        slack.disconnect(kind)
        await eventually(lambda: slack.sockets_opened == 2)
        await eventually(lambda: slack.sockets == 1)
        slack.say(slack.general, "hello")
        await slack.settled()
    assert len(bolt.events) == 1
    assert slack.gap > 0  # Bolt closes the old socket before it opens the new one.


async def test_second_socket_leaves_no_gap(slack: FakeSlack, bolt: Bot) -> None:
    async with bolt.connected(slack, sockets=2):
        slack.disconnect()
        await eventually(lambda: slack.sockets_opened == 3)
        await eventually(lambda: slack.sockets == 2)
        assert slack.gap == 0


async def test_link_disabled_ends_all_sockets(slack: FakeSlack, line: Line) -> None:
    slack.disconnect("link_disabled")
    assert (await line.frame())["reason"] == "link_disabled"
    await eventually(lambda: slack.sockets == 0)


async def test_aborted_sockets_come_back_and_nothing_is_lost(slack: FakeSlack, bolt: Bot) -> None:
    slack.redeliver_seconds = 0.2
    bolt.ping_interval, slack.redeliveries = 0.4, 100
    async with bolt.connected(slack, sockets=2):
        slack.abort()
        ts = slack.say(slack.general, "hello")
        assert slack.sockets == 0
        await eventually(lambda: slack.sockets == 2)
        await slack.settled()
    assert {each["ts"] for each in bolt.events} == {ts}


async def test_half_open_socket_is_noticed_by_its_pings(slack: FakeSlack, bolt: Bot) -> None:
    slack.redeliver_seconds = 0.2
    slack.redeliveries = 100
    bolt.ping_interval = 0.4
    async with bolt.connected(slack):
        slack.freeze()
        ts = slack.say(slack.general, "hello")
        assert slack.sockets == 0
        await eventually(lambda: slack.sockets_opened == 2, seconds=20)
        await slack.settled()
        assert slack.gap > 0.2
    assert {each["ts"] for each in bolt.events} == {ts}


async def test_thawed_socket_carries_again(slack: FakeSlack, line: Line) -> None:
    slack.redeliver_seconds = 0.2
    slack.freeze()
    slack.say(slack.general, "hello")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(line.frame(), 0.1)
    slack.thaw()
    assert (await line.frame())["retry_attempt"] > 0


async def test_too_many_websockets(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.too_many_websockets()
    address = (await client.apps_connections_open(app_token=slack.app_token))["url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(address) as socket:
        assert (await Line(socket).frame())["reason"] == "too_many_websockets"
    assert slack.sockets_opened == 0


async def test_event_without_sockets_waits_for_one(slack: FakeSlack, bolt: Bot) -> None:
    slack.redeliver_seconds = 0.2
    slack.redeliveries = 50
    ts = slack.say(slack.general, "hello")
    await asyncio.sleep(0.3)
    async with bolt.connected(slack):
        await slack.settled()
    assert {each["ts"] for each in bolt.events} == {ts}


async def test_hundreds_of_events_a_second(client: AsyncWebClient) -> None:
    async with FakeSlack(redeliver_seconds=5).serving() as slack:
        bolt = Bot(AsyncWebClient(slack.bot_token, base_url=slack.api_url))
        async with bolt.connected(slack, sockets=2):
            for number in range(500):
                slack.say(slack.general, f"message {number}")
            await slack.settled(60)
        assert len(bolt.events) == 500
        assert slack.violations == []
