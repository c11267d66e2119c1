"""The fake Discord and real clients on it. No test leaves a body that differs from Discord's document."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands

from bot.testing.discord import FakeDiscord

AddCommands = Callable[[app_commands.CommandTree[Any]], None]
API = "https://discord.com/api/v10"


class Recorder(discord.Client):
    """A client that remembers what it was told."""

    def __init__(self, *, commands: AddCommands | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.seen: list[tuple[str, tuple[Any, ...]]] = []
        self.failures: list[Exception] = []
        self.tree = app_commands.CommandTree(self)
        self.tree.error(self._failed)
        self._commands = commands

    async def setup_hook(self) -> None:
        if self._commands is not None:
            self._commands(self.tree)
            await self.tree.sync()

    async def _failed(self, interaction: discord.Interaction, error: Exception) -> None:
        self.failures.append(error)

    def dispatch(self, event: str, /, *args: Any, **more: Any) -> None:
        self.seen.append((event, args))
        super().dispatch(event, *args, **more)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Do not wait."""

    def told(self, event: str) -> list[Any]:
        """The first argument of each such event."""
        return [args[0] if args else None for name, args in self.seen if name == event]

    @property
    def texts(self) -> list[str]:
        return [message.content for message in self.told("message")]

    @property
    def general(self) -> discord.TextChannel:
        return next(each for each in self.guilds[0].text_channels if each.name == "general")


Connect = Callable[..., Awaitable[Recorder]]


@pytest.fixture
def options() -> dict[str, Any]:
    """How the fake is made; tests redefine it."""
    return {}


@pytest.fixture
async def fake(options: dict[str, Any]) -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord(**options).serving() as serving:
        yield serving
    assert serving.violations == []


@pytest.fixture
async def connect(fake: FakeDiscord) -> AsyncIterator[Connect]:
    async with AsyncExitStack() as stack:

        async def connected(**options: Any) -> Recorder:
            return await stack.enter_async_context(_running(fake, options))

        yield connected


@asynccontextmanager
async def _running(fake: FakeDiscord, options: dict[str, Any]) -> AsyncIterator[Recorder]:
    chosen = {"intents": discord.Intents.all(), "guild_ready_timeout": 0.05} | options
    reconnects = chosen.pop("reconnects", True)
    client = Recorder(connector=fake.connector(), **chosen)
    running = asyncio.create_task(client.start(fake.token, reconnect=reconnects))
    try:
        async with asyncio.timeout(10):
            await client_ready(client, running)
        yield client
    finally:
        await client.close()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def client_ready(client: Recorder, running: asyncio.Task[None]) -> None:
    while not client.is_ready():
        if running.done():
            await running
        await asyncio.sleep(0.005)


@pytest.fixture
async def client(fake: FakeDiscord) -> AsyncIterator[Recorder]:
    """A client not started yet."""
    client = Recorder(intents=discord.Intents.all(), connector=fake.connector(), guild_ready_timeout=0.05)
    async with client:
        yield client


@pytest.fixture
async def http(fake: FakeDiscord) -> AsyncIterator[aiohttp.ClientSession]:
    """Bare requests with the bot's token."""
    headers = {"Authorization": f"Bot {fake.token}"}
    async with aiohttp.ClientSession(connector=fake.connector(), headers=headers) as session:
        yield session


@pytest.fixture
def api() -> str:
    return API
