"""Files up and down, through the real client and a plain one."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.web.async_client import AsyncWebClient

from bot.testing.slack import FakeSlack


async def fetched(address: str, token: str = "") -> tuple[str, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession() as session, session.get(address, headers=headers) as response:
        return response.content_type, await response.read()


async def file_of(client: AsyncWebClient, channel: str) -> dict[str, Any]:
    message = (await client.conversations_history(channel=channel))["messages"][0]
    assert message["subtype"] == "file_share"
    told: dict[str, Any] = message["files"][0]
    return told


async def test_upload_in_three_steps(slack: FakeSlack, client: AsyncWebClient) -> None:
    question = slack.say(slack.general, "send it")
    sent = await client.files_upload_v2(
        channel=slack.general,
        thread_ts=question,
        filename="answer.txt",
        content="the long answer",
        initial_comment="here",
    )
    (shown,) = slack.shown(slack.general, question)
    assert shown.text == "here"
    assert [(each.name, each.content) for each in shown.files] == [("answer.txt", b"the long answer")]
    told = await client.files_info(file=sent["file"]["id"])
    assert told["file"]["shares"]["public"][slack.general][0]["ts"] == shown.ts


async def test_upload_that_fails_shows_nothing(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.fail_next("upload", 500, "broken")
    with pytest.raises((SlackApiError, SlackRequestError)):
        await client.files_upload_v2(channel=slack.general, filename="a.txt", content="x")
    assert slack.shown(slack.general) == []


async def test_download_needs_the_token(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.say(slack.general, "look", files=[("notes.txt", b"notes", "text/plain")])
    address = (await file_of(client, slack.general))["url_private"]
    assert await fetched(address, slack.bot_token) == ("text/plain", b"notes")
    kind, page = await fetched(address)
    assert (kind, b"Sign in" in page) == ("text/html", True)
    assert [each.authorized for each in slack.downloads] == [True, False]


async def test_voice_clip_comes_without_text(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.say(slack.dm("ann"), voice=b"RIFF....WAVE")
    message = (await client.conversations_history(channel=slack.dm("ann")))["messages"][0]
    assert message["text"] == ""
    assert "blocks" not in message
    file = message["files"][0]
    assert (file["subtype"], file["mimetype"]) == ("slack_audio", "audio/wav")


async def test_remote_file_is_elsewhere_and_the_host_remembers_tokens(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    slack.say(slack.general, "look", remote=slack.elsewhere)
    file = await file_of(client, slack.general)
    assert (file["mode"], file["is_external"]) == ("external", True)
    await fetched(file["url_private"], slack.bot_token)
    (download,) = slack.downloads
    assert download.host.startswith("localhost:")
    assert download.authorized


async def test_file_that_must_be_looked_up(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.say(slack.general, "look", files=[("a.txt", b"a", "text/plain")], needs_lookup=True)
    stub = await file_of(client, slack.general)
    assert stub["file_access"] == "check_file_info"
    assert "url_private" not in stub
    assert (await client.files_info(file=stub["id"]))["file"]["name"] == "a.txt"


async def test_redirect_leads_away(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.say(slack.general, "look", files=[("a.txt", b"a", "text/plain")])
    slack.files_host.redirect_to = slack.elsewhere
    address = (await file_of(client, slack.general))["url_private"]
    assert (await fetched(address, slack.bot_token))[1] == b"from elsewhere"
    # aiohttp itself keeps the token from another host.
    assert [each.authorized for each in slack.downloads] == [True, False]
