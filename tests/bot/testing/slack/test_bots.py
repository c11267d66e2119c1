"""Whole small bots on the fake: one that streams, and one in a process of its own."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.testing.slack import FakeSlack
from tests.bot.testing.slack.conftest import connected, eventually

ECHO = """
import asyncio, sys
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

api_url, bot_token, app_token = sys.argv[1:]
app = AsyncApp(client=AsyncWebClient(bot_token, base_url=api_url))

@app.event("message")
async def echo(event, say):
    await say(text=event["text"], thread_ts=event["ts"])

async def main():
    await AsyncSocketModeHandler(app, app_token).start_async()

asyncio.run(main())
"""


async def test_bolts_own_stream_and_status(slack: FakeSlack, client: AsyncWebClient) -> None:
    app = AsyncApp(client=client)

    @app.event("message")
    async def tell(say_stream: Any, set_status: Any) -> None:
        await set_status("thinking")
        stream = await say_stream(buffer_size=1)
        await stream.append(markdown_text="once upon ")
        await stream.stop(markdown_text="a time")

    async with connected(app, slack):
        direct = slack.say(slack.dm("ann"), "tell me")
        public = slack.say(slack.general, "tell me")
        shown = [(slack.dm("ann"), direct), (slack.general, public)]
        await eventually(lambda: all(_finished(slack, *each) for each in shown))
        await slack.settled()
    assert [slack.shown(*each)[0].text for each in shown] == ["once upon a time"] * 2
    assert [each["status"] for each in slack.statuses] == ["thinking", "thinking"]


def _finished(slack: FakeSlack, channel: str, thread: str) -> bool:
    return [each.streaming for each in slack.shown(channel, thread)] == [False]


async def test_bot_in_a_process_of_its_own(slack: FakeSlack) -> None:
    slack.redeliver_seconds = 0.2
    slack.redeliveries = 100
    arguments = (slack.api_url, slack.bot_token, slack.app_token)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", ECHO, *arguments)
    try:
        question = slack.say(slack.dm("ann"), "is anybody there?")
        await eventually(lambda: bool(slack.shown(slack.dm("ann"), question)), seconds=30)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    assert slack.shown(slack.dm("ann"))[0].text == "is anybody there?"
