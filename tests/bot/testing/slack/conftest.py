"""A fake Slack, Slack's own client for it, and bots on sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.testing.slack import FakeSlack


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    """A fake Slack that redelivers late; whatever it sent must be as Slack's samples have it."""
    async with FakeSlack(redeliver_seconds=5).serving() as serving:
        yield serving
    assert serving.violations == []


@pytest.fixture
def client(slack: FakeSlack) -> AsyncWebClient:
    """The real client, which tries nothing again by itself."""
    return AsyncWebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])


class Bot:
    """A Bolt app that writes down the events it gets."""

    def __init__(self, client: AsyncWebClient) -> None:
        self.app = AsyncApp(client=client, ignoring_self_events_enabled=False)
        self.events: list[dict[str, Any]] = []
        self.ping_interval = 5.0
        self.app.event({"type": "message"})(self._noted)
        for kind in ("app_mention", "reaction_added", "reaction_removed"):
            self.app.event(kind)(self._noted)
        for kind in ("app_home_opened", "app_context_changed", "member_joined_channel"):
            self.app.event(kind)(self._noted)

    async def _noted(self, event: dict[str, Any]) -> None:
        self.events.append(event)

    def connected(self, slack: FakeSlack, *, sockets: int = 1) -> AbstractAsyncContextManager[None]:
        """Keep so many sockets open."""
        return connected(self.app, slack, sockets=sockets, ping_interval=self.ping_interval)


@asynccontextmanager
async def connected(
    app: AsyncApp, slack: FakeSlack, *, sockets: int = 1, ping_interval: float = 5.0
) -> AsyncIterator[None]:
    """Keep so many sockets of an app open."""
    async with AsyncExitStack() as stack:
        for _ in range(sockets):
            line = AsyncSocketModeHandler(app, slack.app_token, ping_interval=ping_interval)
            await line.connect_async()
            stack.push_async_callback(line.close_async)
        await eventually(lambda: slack.sockets == sockets)
        yield


@pytest.fixture
def bolt(client: AsyncWebClient) -> Bot:
    """A bot, not yet connected."""
    return Bot(client)


async def eventually(true: Callable[[], bool], seconds: float = 8.0) -> None:
    """Return when the condition holds; TimeoutError when it does not."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)
