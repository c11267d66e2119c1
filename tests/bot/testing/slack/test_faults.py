"""Rate limits, planned and random faults, revoked tokens: as the real client meets them."""

from __future__ import annotations

import asyncio
from collections import Counter

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.testing.slack import Dice, FakeSlack
from tests.bot.testing.slack.conftest import Bot


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_strict_slack_takes_one_post_a_second_after_a_burst() -> None:
    clock = Clock()
    async with FakeSlack(strict=True, clock=clock).serving() as slack:
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        other = slack.add_channel("other")
        for number in range(3):
            await client.chat_postMessage(channel=slack.general, text=str(number))
        with pytest.raises(SlackApiError) as caught:
            await client.chat_postMessage(channel=slack.general, text="too soon")
        assert (caught.value.response.status_code, caught.value.response["error"]) == (429, "ratelimited")
        assert caught.value.response.headers["Retry-After"] == "1"
        await client.chat_postMessage(channel=other, text="another channel")
        clock.now += 1
        await client.chat_postMessage(channel=slack.general, text="in time")
        assert slack.limited == 1
        assert len(slack.shown(slack.general)) == 4


async def test_strict_slack_has_tiers() -> None:
    clock = Clock()
    async with FakeSlack(strict=True, clock=clock).serving() as slack:
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        for _ in range(20):
            await client.conversations_list()
        with pytest.raises(SlackApiError, match="ratelimited"):
            await client.conversations_list()
        await client.users_conversations()
        clock.now += 3
        await client.conversations_list()
        assert slack.limited == 1


async def test_loose_slack_has_no_limits(slack: FakeSlack, client: AsyncWebClient) -> None:
    for _ in range(30):
        await client.conversations_list()
    assert slack.limited == 0


async def test_planned_faults_come_in_order(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.fail_next("chat.postMessage", headers={"Retry-After": "30"})
    slack.fail_next("chat.postMessage", 503, "<html>away</html>")
    slack.fail_next("chat.postMessage", 200, {"ok": False, "error": "fatal_error"})
    slack.fail_next("chat.postMessage", 0)
    with pytest.raises(SlackApiError) as limited:
        await client.chat_postMessage(channel=slack.general, text="x")
    assert limited.value.response.headers["Retry-After"] == "30"
    with pytest.raises(SlackApiError, match="status: 503"):
        await client.chat_postMessage(channel=slack.general, text="x")
    with pytest.raises(SlackApiError, match="fatal_error"):
        await client.chat_postMessage(channel=slack.general, text="x")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=slack.general, text="x")
    assert slack.shown(slack.general) == []
    await client.chat_postMessage(channel=slack.general, text="x")
    outcomes = [outcome for method, outcome in slack.requests if method == "chat.postMessage"]
    assert outcomes == ["ratelimited", "503", "fatal_error", "dropped", "ok"]


async def test_lost_answer_is_a_message_that_is_shown(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.lose_next("chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=slack.general, text="x")
    assert [each.text for each in slack.shown(slack.general)] == ["x"]
    assert slack.requests == [("chat.postMessage", "lost")]


async def test_own_retry_of_the_client_shows_a_lost_answer_twice(slack: FakeSlack) -> None:
    slack.lose_next("chat.postMessage")
    client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
    await client.chat_postMessage(channel=slack.general, text="x")
    assert slack.repeated() == [(slack.general, None, "x")]


async def test_slow_answer(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.slow_next("auth.test", 0.3)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.auth_test(), 0.1)
    await client.auth_test()


async def test_dice_fall_as_often_as_they_say() -> None:
    dice = Dice(busy=0.2, broken=0.2, lost_answer=0.2)
    async with FakeSlack(dice=dice, seed=7).serving() as slack, aiohttp.ClientSession() as session:
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url, session=session, retry_handlers=[])
        failed = 0
        for number in range(200):
            try:
                await client.chat_postMessage(channel=slack.general, text=str(number))
            except (SlackApiError, aiohttp.ClientError):
                failed += 1
        outcomes = Counter(outcome for _, outcome in slack.requests)
        assert outcomes.total() == 200
        assert failed == 200 - outcomes["ok"]
        broken = outcomes["internal_error"] + outcomes["503"]
        assert all(20 <= count <= 60 for count in (outcomes["ratelimited"], broken, outcomes["lost"]))
        assert len(slack.shown(slack.general)) == outcomes["ok"] + outcomes["lost"]


@pytest.mark.parametrize("error", ["token_revoked", "invalid_auth", "account_inactive"])
async def test_revoked_tokens(slack: FakeSlack, client: AsyncWebClient, error: str) -> None:
    slack.revoke(error)
    with pytest.raises(SlackApiError, match=error):
        await client.auth_test()
    with pytest.raises(SlackApiError, match=error):
        await client.apps_connections_open(app_token=slack.app_token)
    slack.restore()
    await client.auth_test()


async def test_revoking_ends_sockets_and_events(slack: FakeSlack, bolt: Bot) -> None:
    async with bolt.connected(slack):
        slack.revoke()
        slack.say(slack.general, "hello")
        await slack.settled()
        assert slack.sockets == 0
    assert bolt.events == []


async def test_one_workspace_can_be_revoked_alone(slack: FakeSlack, client: AsyncWebClient) -> None:
    other = slack.add_workspace("Other")
    slack.revoke(team=other.team_id)
    await client.auth_test()
    with pytest.raises(SlackApiError, match="token_revoked"):
        await AsyncWebClient(other.bot_token, base_url=slack.api_url).auth_test()


async def test_served_again_it_keeps_its_port_and_memory() -> None:
    slack = FakeSlack()
    async with slack.serving():
        address = slack.api_url
        ts = slack.say(slack.general, "hello", deliver=False)
    async with slack.serving():
        client = AsyncWebClient(slack.bot_token, base_url=address)
        history = await client.conversations_history(channel=slack.general)
        assert [each["ts"] for each in history["messages"]] == [ts]
