"""Bodies are held against Slack's recorded samples, and differences are told."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.testing.slack import FakeSlack
from bot.testing.slack.conformity import SAMPLES, Shape, samples_present
from tests.bot.testing.slack.conftest import Bot

SAMPLE = {"ok": False, "name": "", "size": 1, "items": [{"id": ""}, {"count": 2}], "by": {"C00000000": [""]}}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ok": True, "name": "n", "size": 2.5},
        {"items": [{"id": "a", "count": 1}, {}]},
        {"name": None},
        {"by": {"C123ABC456": ["a"]}},
        {"blocks": [{"anything": 1}]},
    ],
)
def test_bodies_of_the_samples_shape(body: dict[str, Any]) -> None:
    assert Shape().learn(SAMPLE).differences(body, "body") == []


@pytest.mark.parametrize(
    ("body", "difference"),
    [
        ({"other": 1}, "body.other is not in the sample"),
        ({"ok": "true"}, "body.ok is a string, the sample has boolean"),
        ({"items": [{"name": "x"}]}, "body.items[].name is not in the sample"),
        ({"items": {}}, "body.items is a object, the sample has array"),
        ({"by": {"C123ABC456": "a"}}, "body.by.C123ABC456 is a string, the sample has array"),
    ],
)
def test_bodies_of_another_shape(body: dict[str, Any], difference: str) -> None:
    assert Shape().learn(SAMPLE).differences(body, "body") == [difference]


async def test_everything_sent_is_in_slacks_samples(
    slack: FakeSlack, client: AsyncWebClient, bolt: Bot
) -> None:
    if not samples_present():
        pytest.skip(f"Slack's recorded samples are not beside the checkout: {SAMPLES.name}")
    async with bolt.connected(slack):
        ts = slack.say(slack.general, "hello", mention_bot=True, files=[("a.txt", b"a", "text/plain")])
        slack.say(slack.general, "reply", thread=ts, voice=b"OggS")
        slack.say(slack.general, "a bot's", thread=ts, is_bot=True)
        slack.edit(slack.general, ts, "hello again")
        slack.react(slack.general, ts, "eyes")
        slack.slash("/ask", "this")
        slack.shortcut("report", slack.general, ts)
        slack.open_home()
        mark = {"event_type": "part", "event_payload": {"k": "1"}}
        await client.chat_postMessage(channel=slack.general, text="x", thread_ts=ts, metadata=mark)
        await client.conversations_replies(channel=slack.general, ts=ts, include_all_metadata=True)
        await client.conversations_history(channel=slack.general)
        await client.conversations_list(types="public_channel,private_channel,im")
        await client.conversations_info(channel=slack.dm())
        await client.conversations_members(channel=slack.general)
        await client.conversations_open(users=slack.user(), return_im=True)
        await client.files_upload_v2(channel=slack.general, filename="a.txt", content="x")
        await slack.settled()
    assert slack.violations == []
    assert slack.conformity.unsampled == set()
    assert slack.conformity.held >= 25


async def test_what_the_samples_do_not_know_is_told(client: AsyncWebClient, slack: FakeSlack) -> None:
    if not samples_present():
        pytest.skip(f"Slack's recorded samples are not beside the checkout: {SAMPLES.name}")
    slack.conformity.response("auth.test", {"ok": True, "invented": 1})
    assert slack.violations == ["api/auth.test: body.invented is not in the sample"]
    slack.violations.clear()
