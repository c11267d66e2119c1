"""A page on loopback with the real bot and real SQLite, and visitors who speak HTTP or hold a browser."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.async_api import Browser, async_playwright

from bot.app import Bot
from bot.assembly import open_database, open_library
from bot.connectors.web import WebConnector
from bot.loader import load_plugins
from bot.settings import LimitSettings, PluginsSettings, Settings, WebSettings
from bot.testing import FakeModels
from storage import InboxState

SKILLS = Path(__file__).with_name("citing.py")
UNFINISHED = (InboxState.PENDING, InboxState.CLAIMED)
BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Running:
    """A bot whose page is served."""

    def __init__(self, bot: Bot, connector: WebConnector) -> None:
        self.bot = bot
        self.connector = connector
        self.url = connector.address

    async def finished(self, key: str) -> InboxState:
        """Wait until an event is finished and its answer delivered."""
        async with asyncio.timeout(20):
            while (state := await self.bot.store.inbox.state(key)) in UNFINISHED or self.bot.delivery.busy:
                await asyncio.sleep(0.005)
        assert state is not None, f"no event {key!r} was accepted"
        return state


class Visitor:
    """Someone with a cookie of their own."""

    def __init__(self, running: Running, client: httpx2.AsyncClient) -> None:
        self.running = running
        self.client = client

    @property
    def id(self) -> str:
        """The visitor's id, out of the signed cookie."""
        return next(iter(self.client.cookies.values())).split(".")[0]

    async def post(self, text: str, conversation: str, *, key: str | None = None) -> httpx2.Response:
        """Post a message."""
        body = json.dumps({"key": key or secrets.token_hex(16), "text": text})
        return await self.client.post(
            f"api/conversations/{conversation}/messages",
            content=body,
            headers={"content-type": "application/json"},
        )

    async def ask(self, text: str, conversation: str) -> str:
        """Post a message and wait for the end of its answer; its key."""
        response = await self.post(text, conversation)
        assert response.status_code == 202, response.text
        key: str = response.json()["key"]
        await self.running.finished(key)
        return key

    async def messages(self, conversation: str, query: str = "") -> list[dict[str, Any]]:
        """What the page would show of a conversation."""
        response = await self.client.get(f"api/conversations/{conversation}/messages{query}")
        assert response.status_code == 200, response.text
        found: list[dict[str, Any]] = response.json()["messages"]
        return found

    @asynccontextmanager
    async def events(
        self, conversation: str, *, last: int | None = None
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """The event stream of a conversation."""
        headers = {} if last is None else {"last-event-id": str(last)}
        address = f"api/conversations/{conversation}/events"
        async with self.client.stream("GET", address, headers=headers, timeout=20) as response:
            assert response.status_code == 200
            yield read_events(response)


class Event:
    """A server-sent event."""

    def __init__(self, fields: dict[str, str]) -> None:
        self.name = fields.get("event", "")
        self.revision = int(fields["id"]) if "id" in fields else None
        self.value: Any = json.loads(fields["data"]) if "data" in fields else None


async def read_events(response: httpx2.Response) -> AsyncIterator[Event]:
    """The events in a response, comments left out."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if not line and "event" in fields:
            yield Event(fields)
            fields = {}
        elif line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value


async def next_message(events: AsyncIterator[Event]) -> Event:
    """The next event that is a message."""
    async with asyncio.timeout(10):
        async for event in events:
            if event.name == "message":
                return event
    raise AssertionError("the stream ended")


def site_settings(folder: Path, *, limits: dict[str, Any] | None = None, **web: Any) -> Settings:
    """Settings of a page on a free port with the skills of `citing.py`."""
    open_limits = {"person_per_minute": 0, "channel_per_minute": 0}
    return Settings(
        data_dir=folder,
        web=WebSettings(**({"port": 0} | web)),
        plugins=PluginsSettings(paths=(SKILLS,)),
        limits=LimitSettings(**(open_limits | (limits or {}))),
    )


@asynccontextmanager
async def open_site(settings: Settings, models: FakeModels | None = None) -> AsyncIterator[Running]:
    """A bot with nothing but the page, served."""
    connector, models = WebConnector(settings), models or FakeModels()
    async with open_database(settings) as store, open_library(settings, store, models) as library:
        bot = Bot(settings, store, models, library, load_plugins(settings), [connector])
        running = asyncio.create_task(bot.run())
        started = asyncio.create_task(connector.started())
        try:
            await asyncio.wait([running, started], return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            yield Running(bot, connector)
        finally:
            started.cancel()
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


@asynccontextmanager
async def visit(running: Running, **options: Any) -> AsyncIterator[Visitor]:
    """A new visitor who has opened the page."""
    async with httpx2.AsyncClient(base_url=running.url, timeout=20, **options) as client:
        response = await client.get("")
        assert response.status_code == 200
        yield Visitor(running, client)


@pytest.fixture
def conversation() -> str:
    """The id of a conversation nobody has begun."""
    return secrets.token_hex(16)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """A page with default settings."""
    async with open_site(site_settings(tmp_path)) as site:
        yield site


@pytest.fixture
async def visitor(running: Running) -> AsyncIterator[Visitor]:
    """A visitor of that page."""
    async with visit(running) as found:
        yield found


@pytest.fixture
async def stranger(running: Running) -> AsyncIterator[Visitor]:
    """Another visitor of the same page."""
    async with visit(running) as found:
        yield found


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A real Chromium; the test is skipped where there is none."""
    async with async_playwright() as playwright:
        path = _browser_path(playwright.chromium.executable_path)
        if path is None:
            pytest.skip("no Chromium: install the package chromium, or run 'playwright install chromium'")
        opened = await playwright.chromium.launch(executable_path=path, args=BROWSER_ARGUMENTS)
        try:
            yield opened
        finally:
            await opened.close()


def _browser_path(own: str) -> str | None:
    """The browser named by CHROMIUM, else one on PATH, else Playwright's own."""
    on_path = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    named = [os.environ.get("CHROMIUM"), *on_path, own]
    return next((each for each in named if each and Path(each).exists()), None)
